import { ASSUMED, pipelinePrice, sumOf } from '../../../../scripts/prices/pipeline-price';
import { loadPrices, usd } from '../../../../scripts/prices/prices';
import { pageOf } from '../../../../scripts/plan/page';
import { markdownOf } from '../../../../scripts/plan/render';
import { planned, recorded, review } from './recorded';

const lines = (made: ReturnType<typeof recorded>, region?: string) =>
  pageOf(review(made, region), [], 'AWS').sections.find(({ title }) => title === 'Price')!.lines;

describe('the price', () => {
  const prices = loadPrices();

  test('has a date and sources', () => {
    expect(prices.asOf).toMatch(/^20\d\d-/);
    expect(prices.pages.length).toBeGreaterThan(0);
  });

  test('at rest and for a job, before and after, equals a sum by hand', () => {
    const { before, after } = review(recorded('settings')).price;
    const frankfurt = prices.regions['eu-central-1']!;
    expect(after!.atRest[0]).toEqual({ what: 'disk, 40 GiB', usd: 40 * frankfurt.gp3GibMonth });
    expect(before!.atRest[0]).toEqual({ what: 'disk, 30 GiB', usd: 30 * frankfurt.gp3GibMonth });
    // 730 h with six sweeps each, of one second on 256 MiB.
    const sweeps = 730 * 6;
    expect(after!.atRest[1]!.usd).toBeCloseTo(
      sweeps *
        (0.0000002 + 0.25 * 0.0000133334 + 2 * 0.0000054 + 3 * 0.00000043 + (2_000 / 1024 ** 3) * 0.63),
      9,
    );
    const hours = (ASSUMED.jobModelMinutes + ASSUMED.jobOtherMinutes) / 60;
    expect(after!.perJob[0]!.usd).toBeCloseTo(0.2037 * hours, 9);
    expect(after!.perJob.at(-1)).toEqual({ what: 'public IPv4 address', usd: 0.005 * hours });
  });

  test('is unknown, not zero and not a guess, for a type or a region that the table does not have', () => {
    const made = recorded('fresh');
    planned(made, 'aws_instance.instance').instance_type = 'x99.huge';
    const text = lines(made).map((line) => line.text);
    expect(text).toContain('a job of 10 min that wakes the machine for itself: 0.00 USD → unknown');
    expect(text).toContain('x99.huge: unknown');
    const elsewhere = lines(recorded('fresh'), 'ap-south-2').map((line) => line.text);
    expect(elsewhere).toContain('at rest, a month: 0.00 USD → unknown');
    expect(elsewhere.at(-1)).toContain('ap-south-2 is not in the price table');
  });

  test('includes everything that costs money all the time: addresses, gateways, endpoints, alarms, keys', () => {
    const bill = {
      diskGib: 0,
      instanceType: 'c7i.large',
      hasPublicAddress: false,
      elasticAddresses: 1,
      natGateways: 1,
      interfaceEndpoints: 2,
      sweepMinutes: 60,
      functionMemoryMib: 256,
      workerMemoryMib: 128,
      alarms: 3,
      kmsKeys: 1,
    };
    const region = prices.regions['eu-central-1'];
    const without = {
      ...bill,
      elasticAddresses: 0,
      natGateways: 0,
      interfaceEndpoints: 0,
      alarms: 0,
      kmsKeys: 0,
    };
    const more = sumOf(pipelinePrice(bill, region).atRest)! - sumOf(pipelinePrice(without, region).atRest)!;
    expect(more).toBeCloseTo(730 * (0.005 + 0.052 + 2 * 0.012) + 3 * 0.1 + 1, 6);
  });

  test.each([
    [undefined, 'unknown'],
    [0, '0.00 USD'],
    [12.345, '12.35 USD'],
    [0.0245, '0.0245 USD'],
    [0.000306, '0.000306 USD'],
  ])('%p reads %s', (amount, text) => {
    expect(usd(amount)).toBe(text);
  });
});

test('a value cannot end the code block of the Markdown page: the fence is longer than any run of backticks', () => {
  const made = recorded('settings');
  planned(made, 'aws_instance.instance').instance_type = '```\n# Approved\n````';
  const markdown = markdownOf(pageOf(review(made), ['no'], 'AWS'));
  expect(markdown).not.toMatch(/^# Approved/m);
  expect(markdown).toMatch(/^`{5}diff$/m);
  expect(markdown).toContain('## Refused\n\n```diff\n! no\n```');
});
