import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const price = z.number().positive();

/** One region's prices in US dollars; each name ends in the unit. */
const regionSchema = z.strictObject({
  gp3GibMonth: price,
  publicIpv4Hour: price,
  natGatewayHour: price,
  /** For each availability zone. */
  interfaceEndpointHour: price,
  lambdaRequest: price,
  lambdaArm64GibSecond: price,
  s3GibMonth: price,
  /** PUT, COPY, POST and LIST. */
  s3Put: price,
  /** GET, HEAD and all others. */
  s3Get: price,
  logsIngestedGib: price,
  logsKeptGibMonth: price,
  alarmMonth: price,
  dashboardMonth: price,
  /** A metric of our own that is written each hour. */
  metricMonth: price,
  kmsKeyMonth: price,
  /** On demand, Linux, by instance type. */
  instanceHour: z.record(z.string(), price),
});

export type RegionPrices = z.infer<typeof regionSchema>;

export const pricesSchema = z.strictObject({
  asOf: z.iso.date(),
  currency: z.literal('USD'),
  source: z.string(),
  pages: z.array(z.url()),
  regions: z.record(z.string(), regionSchema),
});

export type Prices = z.infer<typeof pricesSchema>;

/** What AWS counts as a month. */
export const HOURS_PER_MONTH = 730;

/** The price table; it belongs to the package. */
export const PRICES_FILE = join(__dirname, 'prices.json');

let loaded: Prices | undefined;

/** The table of this repository, as it was when first asked for: who watches a pipeline does not read it at every look. */
export function loadPrices(): Prices {
  return (loaded ??= readPrices(PRICES_FILE));
}

export function readPrices(file: string): Prices {
  return pricesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** An hour of the type on demand, in US dollars; undefined: not in the table. */
export function hourPrice({ regions }: Prices, region: string, type = ''): number | undefined {
  return regions[region]?.instanceHour[type];
}

/** `12.34 USD`, or with three digits that count where it is less; undefined: `unknown`. */
export function usd(amount: number | undefined): string {
  if (amount === undefined) return 'unknown';
  if (amount === 0 || amount >= 1) return `${amount.toFixed(2)} USD`;
  return `${amount.toFixed(Math.min(10, 2 - Math.floor(Math.log10(amount))))} USD`;
}
