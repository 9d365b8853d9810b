import type { GetProductsCommand } from '@aws-sdk/client-pricing';
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Prices, PRICES_FILE, loadPrices } from '../../../../scripts/prices/prices';
import { refreshPrices } from '../../../../scripts/prices/refresh';
import { temporaryFolder } from '../stand-ins';

interface Listed {
  readonly usagetype: string;
  /** Steps of the price, by the amount at which each begins. */
  readonly steps: Readonly<Record<string, string>>;
}

type Client = NonNullable<Parameters<typeof refreshPrices>[0]['client']>;

/** AWS's price list in the format of its documentation, two products a page. */
function priceList(answer: (service: string, filters: Record<string, string>) => Listed[]): Client {
  const send = ({ input }: GetProductsCommand) => {
    const filters: Record<string, string> = {};
    for (const { Field = '', Value = '' } of input.Filters ?? []) filters[Field] = Value;
    const all = answer(input.ServiceCode ?? '', filters);
    const from = Number(input.NextToken ?? 0);
    const PriceList = all.slice(from, from + 2).map(({ usagetype, steps }) =>
      JSON.stringify({
        product: { attributes: { usagetype } },
        terms: {
          OnDemand: {
            'SKU.TERM': {
              priceDimensions: Object.fromEntries(
                Object.entries(steps).map(([beginRange, USD]) => [
                  `SKU.TERM.${beginRange}`,
                  { beginRange, pricePerUnit: { USD } },
                ]),
              ),
            },
          },
        },
      }),
    );
    const NextToken = from + 2 < all.length ? String(from + 2) : undefined;
    return Promise.resolve({ PriceList, NextToken });
  };
  return { send };
}

describe('the price table, read from AWS', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  const now = () => new Date('2027-02-03T04:05:06Z');

  function table(only = 'eu-central-1'): string {
    const file = join(folder.path, `prices-${Math.random()}.json`);
    const prices = loadPrices();
    const { [only]: region } = prices.regions;
    writeFileSync(file, JSON.stringify({ ...prices, regions: { [only]: region } }));
    return file;
  }
  const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Prices;

  it('uses the first step that is not free, of the product with that usage type, on any page', async () => {
    const file = table();
    const client = priceList((service, { group, instanceType }) => {
      if (service === 'AWSLambda' && group === 'AWS-Lambda-Duration-ARM')
        return [
          { usagetype: 'EUC1-Lambda-Provisioned-GB-Second-ARM', steps: { '0': '0.00001' } },
          { usagetype: 'EUC1-Something', steps: { '0': '9' } },
          {
            usagetype: 'EUC1-Lambda-GB-Second-ARM',
            steps: { '7500000000': '0.000012', '0': '0.0000140000' },
          },
        ];
      if (service === 'AmazonEC2' && instanceType === 'c7i.large')
        return [{ usagetype: 'EUC1-BoxUsage:c7i.large', steps: { '0': '0.11' } }];
      if (service === 'AmazonCloudWatch')
        return [{ usagetype: 'EUC1-CW:AlarmMonitorUsage', steps: { '0': '0', '10': '0.12' } }];
      return [];
    });
    const summary = await refreshPrices({ file, types: [], regions: [], client, now });
    const made = read(file);
    expect(made.regions['eu-central-1']).toMatchObject({
      lambdaArm64GibSecond: 0.000014,
      alarmMonth: 0.12,
      instanceHour: { 'c7i.large': 0.11, 't3.medium': 0.048 },
    });
    expect(made.asOf).toBe('2027-02-03');
    expect(made.source).toContain('older and unverified: eu-central-1 gp3GibMonth');
    expect(summary.join('\n')).toContain('unchanged, because');
  });

  it('keeps the old price if the list shows two prices, or one of another product', async () => {
    const file = table();
    const before = read(file).regions['eu-central-1'];
    const client = priceList((service, { instanceType }) => {
      if (service === 'awskms')
        return [
          { usagetype: 'EUC1-KMS-Keys', steps: { '0': '1.0' } },
          { usagetype: 'EUC1-KMS-Keys', steps: { '0': '2.0' } },
        ];
      if (instanceType === 'c7i.large') return [{ usagetype: 'BoxUsage:c7i.large', steps: { '0': '30' } }];
      if (instanceType === 't3.large') return [{ usagetype: 'BoxUsage:t3.large', steps: { '0': '0.09' } }];
      return [];
    });
    await refreshPrices({ file, types: [], regions: [], client, now });
    expect(read(file).regions['eu-central-1']).toEqual({
      ...before,
      instanceHour: { ...before?.instanceHour, 't3.large': 0.09 },
    });
  });

  it('stays as it is, with an error, if no price could be read', async () => {
    const file = table();
    const before = readFileSync(file, 'utf8');
    await expect(
      refreshPrices({ file, types: [], regions: [], client: priceList(() => []), now }),
    ).rejects.toThrow('the file is unchanged');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('stays complete if AWS refuses a request in the middle', async () => {
    const file = table();
    const before = readFileSync(file, 'utf8');
    let asked = 0;
    const client = priceList(() => {
      asked += 1;
      if (asked > 5) throw Object.assign(new Error('no'), { name: 'AccessDeniedException' });
      return [];
    });
    await expect(refreshPrices({ file, types: [], regions: [], client, now })).rejects.toThrow('no');
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('does not add a new region for which a price is missing', async () => {
    const file = join(folder.path, 'whole.json');
    copyFileSync(PRICES_FILE, file);
    const client = priceList((_, { instanceType }) =>
      instanceType === undefined ? [] : [{ usagetype: `BoxUsage:${instanceType}`, steps: { '0': '0.1' } }],
    );
    await refreshPrices({ file, types: [], regions: ['ap-south-1'], client, now });
    expect(Object.keys(read(file).regions)).toEqual(Object.keys(loadPrices().regions));
  });
});
