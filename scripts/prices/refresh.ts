import { type Filter, GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';
import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { BrokenError } from '../console/exit';
import { type Prices, type RegionPrices, pricesSchema, readPrices } from './prices';

interface RefreshOptions {
  readonly file: string;
  /** Instance types and regions to add to the table. */
  readonly types: readonly string[];
  readonly regions: readonly string[];
  readonly client?: Pick<PricingClient, 'send'>;
  readonly now?: () => Date;
}

type Field = Exclude<keyof RegionPrices, 'instanceHour'>;

/**
 * The place of a price in AWS's price list. `usage` matches the end of the usage type; before it comes the region's short
 * name.
 */
type Place = readonly [service: string, filters: Readonly<Record<string, string>>, usage: RegExp];

/** https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html */
const PLACES: Readonly<Record<Field, Place>> = {
  gp3GibMonth: ['AmazonEC2', { productFamily: 'Storage', volumeApiName: 'gp3' }, /EBS:VolumeUsage\.gp3$/],
  publicIpv4Hour: ['AmazonVPC', { group: 'VPCPublicIPv4Address' }, /PublicIPv4:InUseAddress$/],
  natGatewayHour: ['AmazonEC2', { productFamily: 'NAT Gateway' }, /(^|-)NatGateway-Hours$/],
  interfaceEndpointHour: ['AmazonVPC', { productFamily: 'VpcEndpoint' }, /(^|-)VpcEndpoint-Hours$/],
  lambdaRequest: ['AWSLambda', { group: 'AWS-Lambda-Requests-ARM' }, /(^|-)Request-ARM$/],
  lambdaArm64GibSecond: ['AWSLambda', { group: 'AWS-Lambda-Duration-ARM' }, /(^|-)Lambda-GB-Second-ARM$/],
  s3GibMonth: ['AmazonS3', { volumeType: 'Standard' }, /(^|-)TimedStorage-ByteHrs$/],
  s3Put: ['AmazonS3', { group: 'S3-API-Tier1' }, /(^|-)Requests-Tier1$/],
  s3Get: ['AmazonS3', { group: 'S3-API-Tier2' }, /(^|-)Requests-Tier2$/],
  logsIngestedGib: ['AmazonCloudWatch', { productFamily: 'Data Payload' }, /(^|-)DataProcessing-Bytes$/],
  logsKeptGibMonth: ['AmazonCloudWatch', { productFamily: 'Storage Snapshot' }, /(^|-)TimedStorage-ByteHrs$/],
  alarmMonth: ['AmazonCloudWatch', { productFamily: 'Alarm' }, /(^|-)CW:AlarmMonitorUsage$/],
  dashboardMonth: ['AmazonCloudWatch', { productFamily: 'Dashboard' }, /(^|-)DashboardsUsageHour$/],
  metricMonth: ['AmazonCloudWatch', { productFamily: 'Metric' }, /(^|-)CW:MetricMonitorUsage$/],
  kmsKeyMonth: ['awskms', {}, /(^|-)KMS-Keys$/],
};

/**
 * Largest plausible factor between the new and the old price. A greater change means that the list showed another product.
 */
const PLAUSIBLE_FACTOR = 4;

/**
 * Reads the table's prices from AWS's price list, writes the table, and returns a summary in lines. A price
 * keeps its old value, and the summary names it, if the list does not show it exactly once or if the new
 * value is implausible. Throws BrokenError if no price could be read, and what the SDK throws.
 */
export async function refreshPrices(options: RefreshOptions): Promise<string[]> {
  const { file, now = () => new Date() } = options;
  // Few regions serve the price list.
  // https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
  const client = options.client ?? new PricingClient({ region: 'us-east-1' });
  const old = readPrices(file);
  const regions: Record<string, RegionPrices> = {};
  const kept: string[] = [];
  let read = 0;
  for (const region of new Set([...Object.keys(old.regions), ...options.regions])) {
    const made = await readRegion(client, region, old.regions[region], options.types);
    read += made.read;
    kept.push(...made.kept);
    if (made.prices) regions[region] = made.prices;
  }
  if (read === 0)
    throw new BrokenError(`AWS's price list showed none of the prices in ${file}; the file is unchanged`);
  const asOf = now().toISOString().slice(0, 10);
  const unread = kept.length === 0 ? '' : `; not read, but older and unverified: ${kept.join(', ')}`;
  const source = `AWS's price list, read on ${asOf} (on demand, Linux, shared tenancy, before tax and free tier)${unread}`;
  const prices: Prices = { ...old, asOf, source, regions };
  await writeFile(`${file}.part`, `${JSON.stringify(pricesSchema.parse(prices), null, 2)}\n`);
  await rename(`${file}.part`, file);
  const summary = [`${read} prices read from AWS's price list into ${file}`];
  if (kept.length > 0)
    summary.push(`unchanged, because the list does not show exactly one plausible price: ${kept.join(', ')}`);
  return summary;
}

async function readRegion(
  client: Pick<PricingClient, 'send'>,
  region: string,
  old: RegionPrices | undefined,
  types: readonly string[],
): Promise<{ prices: RegionPrices | undefined; read: number; kept: string[] }> {
  const kept: string[] = [];
  let read = 0;
  const take = async (name: string, before: number | undefined, place: Place) => {
    const found = await listed(client, place, region);
    const isPlausible =
      found !== undefined &&
      (before === undefined || (found < before * PLAUSIBLE_FACTOR && found > before / PLAUSIBLE_FACTOR));
    if (isPlausible) read += 1;
    else kept.push(`${region} ${name}`);
    return isPlausible ? found : before;
  };
  const fields: Partial<Record<Field, number>> = {};
  for (const field of Object.keys(PLACES) as Field[]) {
    const price = await take(field, old?.[field], PLACES[field]);
    if (price !== undefined) fields[field] = price;
  }
  const instanceHour: Record<string, number> = {};
  for (const type of new Set([...Object.keys(old?.instanceHour ?? {}), ...types])) {
    const price = await take(type, old?.instanceHour[type], instancePlace(type));
    if (price !== undefined) instanceHour[type] = price;
  }
  const whole = pricesSchema.shape.regions.valueType.safeParse({ ...fields, instanceHour });
  // A new region for which a price is missing is skipped.
  return { prices: whole.success ? whole.data : old, read, kept };
}

function instancePlace(instanceType: string): Place {
  const software = { operatingSystem: 'Linux', preInstalledSw: 'NA' };
  const market = { tenancy: 'Shared', capacitystatus: 'Used', marketoption: 'OnDemand' };
  return ['AmazonEC2', { instanceType, ...software, ...market }, /BoxUsage:/];
}

const stepSchema = z.looseObject({
  beginRange: z.string().optional(),
  pricePerUnit: z.looseObject({ USD: z.string().optional() }),
});

const termSchema = z.looseObject({ priceDimensions: z.record(z.string(), stepSchema) });

const productSchema = z.looseObject({
  product: z.looseObject({ attributes: z.looseObject({ usagetype: z.string() }) }),
  terms: z.looseObject({ OnDemand: z.record(z.string(), termSchema).optional() }),
});

/** The price of the first unit that is not free. Undefined unless the list shows exactly one such price. */
async function listed(
  client: Pick<PricingClient, 'send'>,
  [service, filters, usage]: Place,
  region: string,
): Promise<number | undefined> {
  const Filters = Object.entries({ regionCode: region, ...filters }).map(([Field, Value]): Filter => ({
    Type: 'TERM_MATCH',
    Field,
    Value,
  }));
  const found = new Set<number>();
  let NextToken: string | undefined;
  do {
    const page = await client.send(new GetProductsCommand({ ServiceCode: service, Filters, NextToken }));
    for (const text of page.PriceList ?? []) {
      const product = productSchema.parse(JSON.parse(String(text)));
      if (!usage.test(product.product.attributes.usagetype)) continue;
      const price = firstPrice(product);
      if (price !== undefined) found.add(price);
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== '');
  const [only, ...others] = found;
  return others.length === 0 ? only : undefined;
}

/** The price of the first step that is not free. A price that falls with the amount has steps, in order of `beginRange`. */
function firstPrice({ terms }: z.infer<typeof productSchema>): number | undefined {
  const steps = Object.values(terms.OnDemand ?? {})
    .flatMap(({ priceDimensions }) => Object.values(priceDimensions))
    .map(({ beginRange = 0, pricePerUnit }) => ({ from: Number(beginRange), usd: Number(pricePerUnit.USD) }))
    .filter(({ usd }) => usd > 0)
    .sort((a, b) => a.from - b.from);
  return steps[0]?.usd;
}
