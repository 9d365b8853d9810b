import { refusalsOf } from '../../../../scripts/plan/refusals';
import { recorded, type Recorded } from './recorded';

const nothing = { dataLoss: false, interruption: false };

async function refusals(name: Recorded, open: number, allowed = nothing) {
  const asked: string[] = [];
  const found = await refusalsOf(recorded(name).plan, allowed, (bucket) => {
    asked.push(bucket);
    return Promise.resolve(open);
  });
  return { found, asked };
}

const CONTROL = 'puppets-control-123456789012-eu-central-1';

test('a first deploy is never refused, and no ledger is looked for', async () => {
  expect(await refusals('fresh', 1)).toEqual({ found: [], asked: [] });
});

test('a model that is taken away goes with the versions that open jobs are pinned to: refused unless allowed', async () => {
  const { found } = await refusals('model-removed', 0);
  expect(found).toEqual([expect.stringContaining('aws_s3_object.model_strict would be gone')]);
  expect(found[0]).toContain('--allow-data-loss');
  expect((await refusals('model-removed', 1, { ...nothing, dataLoss: true })).found).toEqual([]);
});

test('buckets that another region replaces are refused, all in one sentence', async () => {
  const { found } = await refusals('other-region', 0);
  expect(found).toEqual([
    expect.stringMatching(/^aws_s3_bucket\.control, aws_s3_bucket\.data would be gone/),
  ]);
});

test.each<[Recorded, string]>([
  ['settings', 'is stopped to change instance_type'],
  ['other-network', 'is replaced'],
])('a model that runs is not killed by a deploy: %s', async (name, what) => {
  const busy = await refusals(name, 2);
  expect(busy.asked).toEqual([CONTROL]);
  expect(busy.found).toEqual([expect.stringContaining(`aws_instance.instance ${what}, and 2 jobs are open`)]);
  expect((await refusals(name, 0)).found).toEqual([]);
  expect((await refusals(name, 2, { ...nothing, interruption: true })).found).toEqual([]);
});
