import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const price = z.number().positive();

/** One region's prices in US dollars. Each name ends in the unit. */
const regionSchema = z.strictObject({
  gp3GibMonth: price,
  publicIpv4Hour: price,
  natGatewayHour: price,
  /** In each availability zone. */
  interfaceEndpointHour: price,
  lambdaRequest: price,
  lambdaArm64GibSecond: price,
  s3GibMonth: price,
  /** One PUT, COPY, POST or LIST. */
  s3Put: price,
  /** One GET, HEAD or other request. */
  s3Get: price,
  logsIngestedGib: price,
  logsKeptGibMonth: price,
  alarmMonth: price,
  dashboardMonth: price,
  /** A custom metric that is written each hour. */
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

/** Hours of a month, as AWS counts them. */
export const HOURS_PER_MONTH = 730;

/** The price table; it belongs to the package. */
export const PRICES_FILE = join(__dirname, 'prices.json');

let loaded: Prices | undefined;

/** The price table. The file is read once: `status --watch` asks for the table every few seconds. */
export function loadPrices(): Prices {
  return (loaded ??= readPrices(PRICES_FILE));
}

export function readPrices(file: string): Prices {
  return pricesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** The price of an on-demand hour of the instance type, in US dollars. Undefined: the table does not have it. */
export function hourPrice({ regions }: Prices, region: string, type = ''): number | undefined {
  return regions[region]?.instanceHour[type];
}

/** `12.34 USD`; below one dollar with three significant digits. Undefined becomes `unknown`. */
export function usd(amount: number | undefined): string {
  if (amount === undefined) return 'unknown';
  if (amount === 0 || amount >= 1) return `${amount.toFixed(2)} USD`;
  return `${amount.toFixed(Math.min(10, 2 - Math.floor(Math.log10(amount))))} USD`;
}
