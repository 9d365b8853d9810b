import type { Clock } from '../../../../lifecycle/clock';
import { jobIdOf, openKey, receiptKey, statusKey } from '../../../../lifecycle/job';
import { Store } from '../../../../lifecycle/store';
import { JobWatch } from '../../../../scripts/pipeline/job-watch';
import { FakeS3 } from '../../../support/fake-s3';

const AT = '2026-01-01T00:00:00.000Z';
const input = { bucket: 'data', key: 'in/a.csv', versionId: 'v1', sizeBytes: 3 };
const jobId = jobIdOf(input);
const job = { jobId, key: input.key };
const model = { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'zv' };
const open = { version: 1, jobId, input, model, admittedAt: AT, admittedBy: 'event', nonce: 'n' };
const receipt = {
  version: 1,
  jobId,
  outcome: 'succeeded',
  pipeline: 'p',
  input,
  model,
  attempt: 1,
  admittedAt: AT,
  endedAt: AT,
  outputs: [{ key: 'results/x', sizeBytes: 1 }],
  instance: { bootId: 'b', drainId: 'd' },
  nonce: 'n',
};

describe('a watched job', () => {
  let s3: FakeS3;
  let now: number;
  let watch: JobWatch;
  beforeEach(() => {
    s3 = new FakeS3();
    now = 0;
    const { control, output, clock } = stores();
    watch = new JobWatch(control, output, clock);
  });

  function stores() {
    const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
    return { control: new Store(s3.client, 'control'), output: new Store(s3.client, 'output'), clock };
  }

  const put = (bucket: string, key: string, record: unknown) =>
    void s3.put(bucket, key, JSON.stringify(record));
  const status = (more: object) =>
    put('control', statusKey(jobId), { version: 1, jobId, attempt: 1, at: AT, ...more });
  const end = (more: object = {}) => {
    put('output', receiptKey(input.key, jobId), { ...receipt, ...more });
    s3.delete('control', openKey(jobId));
  };
  const texts = async () => (await watch.poll()).map(({ text }) => text);

  it('reports admission, phases, progress and the receipt, each once', async () => {
    watch.add(job);
    expect(await texts()).toEqual([]);
    expect(watch.waiting).toEqual([job]);
    put('control', openKey(jobId), open);
    expect(await texts()).toEqual(['admitted: it is open now']);
    expect(watch.waiting).toEqual([]);
    status({ phase: 'running', progress: 0.1 });
    expect(await texts()).toEqual(['the model runs, 10 %']);
    expect(await texts()).toEqual([]);
    status({ phase: 'running', progress: 0.5, message: 'row 5' });
    expect(await texts()).toEqual([]);
    now += 2_000;
    expect(await texts()).toEqual(['the model runs, 50 %: row 5 (about 2.5 s left)']);
    status({ phase: 'running', attempt: 2 });
    expect(await texts()).toEqual(['the model runs (attempt 2)']);
    end();
    expect(await watch.poll()).toMatchObject([
      { text: 'receipt: succeeded, 1 file', mood: 'good', receipt: { jobId } },
    ]);
    expect(watch.openCount).toBe(0);
    watch.add(job);
    expect(await texts()).toEqual([]);
  });

  it('that failed shows the reason', async () => {
    watch.add(job);
    const error = { kind: 'model failed', message: 'exit code 1' };
    end({ outcome: 'failed', error });
    expect(await watch.poll()).toMatchObject([
      { text: 'receipt: failed, model failed: exit code 1', mood: 'bad' },
    ]);
  });

  it('is followed on after an unreadable record, which is reported once', async () => {
    watch.add(job);
    put('control', openKey(jobId), open);
    s3.put('control', statusKey(jobId), 'garbage');
    expect(await texts()).toEqual([expect.stringContaining('is not JSON')]);
    expect(await texts()).toEqual([]);
    end();
    expect(await texts()).toEqual(['receipt: succeeded, 1 file']);
  });

  it('that another user uploaded is discovered, open or ended; objects that are no records are ignored', async () => {
    const { control, output, clock } = stores();
    watch = new JobWatch(control, output, clock, 'all');
    put('control', openKey(jobId), open);
    s3.put('control', openKey('f'.repeat(64)), 'garbage');
    s3.put('control', 'open/notes.txt', '');
    expect(await texts()).toEqual(['admitted: it is open now']);
    expect(watch.openCount).toBe(1);
    const other = { ...input, versionId: 'v2' };
    const otherReceipt = receiptKey(other.key, jobIdOf(other));
    put('output', otherReceipt, { ...receipt, input: other, jobId: jobIdOf(other) });
    watch.notice(otherReceipt);
    watch.notice(receiptKey('no receipt', 'e'.repeat(64)));
    expect(await texts()).toEqual(['receipt: succeeded, 1 file']);
    watch.notice(otherReceipt);
    expect(await texts()).toEqual([]);
  });

  it('that was admitted and ended between two polls is found, and a hundred such are found without a hundred reads a poll', async () => {
    const inputs = Array.from({ length: 100 }, (_, number) => ({ ...input, key: `in/${number}.csv` }));
    for (const one of inputs) watch.add({ jobId: jobIdOf(one), key: one.key });
    expect(await texts()).toEqual([]);
    s3.calls.length = 0;
    expect(await texts()).toEqual([]);
    expect(s3.callsOf('GetObject').length).toBeLessThanOrEqual(12);
    for (const one of inputs) {
      const its = jobIdOf(one);
      put('output', receiptKey(one.key, its), { ...receipt, input: one, jobId: its });
    }
    let polls = 0;
    while (watch.openCount > 0 && polls < 20) {
      await watch.poll();
      polls += 1;
    }
    expect(polls).toBe(9);
  });
});
