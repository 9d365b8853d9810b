import type { MadePlan } from '../../../../scripts/plan/make-plan';
import { refusalsOf } from '../../../../scripts/plan/refusals';
import { modelRemoved, otherNetwork, otherRegion } from './built';
import { change, planned, recorded } from './recorded';

const nothing = { dataLoss: false, interruption: false };

async function refusals(made: MadePlan, open: number, allowed = nothing) {
  const asked: string[] = [];
  const found = await refusalsOf(made.plan, allowed, (bucket) => {
    asked.push(bucket);
    return Promise.resolve(open);
  });
  return { found, asked };
}

const CONTROL = 'puppets-control-123456789012-eu-central-1';

test('a first deploy is never refused, and no ledger is read', async () => {
  expect(await refusals(recorded('fresh'), 1)).toEqual({ found: [], asked: [] });
});

test('removing a model deletes the versions that open jobs are pinned to: refused unless allowed', async () => {
  const { found } = await refusals(modelRemoved(), 0);
  expect(found).toEqual([expect.stringContaining('aws_s3_object.model_strict would be destroyed')]);
  expect(found[0]).toContain('--allow-data-loss');
  expect((await refusals(modelRemoved(), 1, { ...nothing, dataLoss: true })).found).toEqual([]);
});

test('replacing the buckets for another region is refused, in one sentence', async () => {
  const { found } = await refusals(otherRegion(), 0);
  expect(found).toEqual([
    expect.stringMatching(/^aws_s3_bucket\.control, aws_s3_bucket\.data would be destroyed/),
  ]);
});

test('a destroy of the pipeline is refused for every resource that holds data', async () => {
  const made = recorded('settings');
  const addresses = made.plan.resource_changes.map(({ address }) => address);
  const destroyed = addresses.reduce(
    (plan, address) => change(plan, address, { actions: ['delete'], after: null }),
    made,
  );
  const { found } = await refusals(destroyed, 0);
  expect(found).toEqual([
    expect.stringMatching(/^aws_cloudwatch_log_group\.stop would be destroyed/),
    expect.stringMatching(
      /^aws_s3_bucket\.control, aws_s3_bucket\.data, aws_s3_bucket\.output would be destroyed/,
    ),
  ]);
});

test('a disk grows while a model runs', async () => {
  const made = recorded('settings');
  planned(made, 'aws_instance.instance').instance_type = 'c7i.large';
  expect(await refusals(made, 2)).toEqual({ found: [], asked: [] });
});

test.each<[string, MadePlan, string]>([
  ['settings', recorded('settings'), 'is stopped to change instance_type'],
  ['other-network', otherNetwork(), 'is replaced'],
])('a deploy does not kill a running model: %s', async (_name, made, what) => {
  const busy = await refusals(made, 2);
  expect(busy.asked).toEqual([CONTROL]);
  expect(busy.found).toEqual([expect.stringContaining(`aws_instance.instance ${what}, and 2 jobs are open`)]);
  expect((await refusals(made, 0)).found).toEqual([]);
  expect((await refusals(made, 2, { ...nothing, interruption: true })).found).toEqual([]);
});
