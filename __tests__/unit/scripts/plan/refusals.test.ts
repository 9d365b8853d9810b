import type { MadePlan } from '../../../../scripts/plan/make-plan';
import { refusalsOf } from '../../../../scripts/plan/refusals';
import { modelRemoved, otherNetwork, otherRegion } from './built';
import { add, change, planned, recorded } from './recorded';

const nothing = { dataLoss: false, interruption: false, keyChange: false };

async function refusals(made: MadePlan, open: number, allowed = nothing, formerKeys: string[] = []) {
  const asked: string[] = [];
  const countOpenJobs = (bucket: string) => {
    asked.push(bucket);
    return Promise.resolve(open);
  };
  const found = await refusalsOf(made.plan, allowed, countOpenJobs, formerKeys);
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

describe('another kmsKeyArn does not lock the pipeline out of its own records', () => {
  const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789000001';
  const OTHER = KEY.replace(/1$/, '2');
  const TYPE = 'aws_s3_bucket_server_side_encryption_configuration';
  const encryption = (kms_master_key_id: string | undefined) => ({
    bucket: CONTROL,
    rule: [
      {
        apply_server_side_encryption_by_default: [
          kms_master_key_id === undefined
            ? { kms_master_key_id: '', sse_algorithm: 'AES256' }
            : { kms_master_key_id, sse_algorithm: 'aws:kms' },
        ],
        bucket_key_enabled: true,
      },
    ],
  });

  /** All buckets had one key; the plan gives them another, or none. */
  const keyed = (before: string | undefined, after: string | undefined) =>
    ['control', 'data', 'output'].reduce((made, bucket) => {
      const edit = { actions: ['update' as const], before: encryption(before), after: encryption(after) };
      return change(add(made, TYPE, bucket, {}), `${TYPE}.${bucket}`, edit);
    }, recorded('settings'));

  test.each([
    ['changed', OTHER],
    ['removed', undefined],
  ])('refused, in one sentence, if the key is %s and is not in formerKmsKeyArns', async (_name, after) => {
    const { found } = await refusals(keyed(KEY, after), 0, nothing, [OTHER]);
    expect(found).toEqual([expect.stringMatching(`${KEY}.*formerKmsKeyArns.*--allow-key-change`)]);
  });

  test('accepted if the key is listed, or if the user says so', async () => {
    expect((await refusals(keyed(KEY, OTHER), 0, nothing, [KEY])).found).toEqual([]);
    expect((await refusals(keyed(KEY, OTHER), 0, { ...nothing, keyChange: true })).found).toEqual([]);
  });

  test.each([
    ['the first key', keyed(undefined, KEY)],
    ['the same key', keyed(KEY, KEY)],
  ])('accepted: %s', async (_name, made) => {
    expect((await refusals(made, 0)).found).toEqual([]);
  });

  test('a bucket that is destroyed needs no key', async () => {
    const destroyed = ['control', 'data', 'output'].reduce(
      (made, bucket) => {
        const gone = { actions: ['delete' as const], after: null };
        return change(change(made, `aws_s3_bucket.${bucket}`, gone), `${TYPE}.${bucket}`, gone);
      },
      keyed(KEY, KEY),
    );
    expect((await refusals(destroyed, 0, { ...nothing, dataLoss: true })).found).toEqual([]);
  });
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
