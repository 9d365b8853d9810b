import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openKey, receiptKey } from '../../../../lifecycle/job';
import { auditOf } from '../../../../scripts/commands/audit';
import { logs } from '../../../../scripts/commands/logs';
import { admitLost, audit, auditLines } from '../../../../scripts/pipeline/audit';
import { listJobs, listLines } from '../../../../scripts/pipeline/list-jobs';
import { JobLogs, logGroupsOf, logText } from '../../../../scripts/pipeline/job-logs';
import { resolveReceipt } from '../../../../scripts/pipeline/resolve-receipt';
import { retryFailed } from '../../../../scripts/pipeline/retry-failed';
import { timeSpan } from '../../../../scripts/commands/options';
import { results } from '../../../../scripts/commands/results';
import { recordingTerminal, temporaryFolder } from '../stand-ins';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

const WEEK = timeSpan('7d');
const options = { failed: false, since: WEEK, limit: 50 };

it.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['2w', 1_209_600_000],
])('a span of %s is %i ms', (text, milliseconds) => {
  expect(timeSpan(text)).toBe(milliseconds);
});

it.each(['7', '0d', '-1d', '1.5h', 'd', '7 d', '1y'])(
  '%j is no span, and is not taken for another',
  (text) => {
    expect(() => timeSpan(text)).toThrow('a number and a unit');
  },
);

describe('the list of jobs', () => {
  function busy() {
    const place = new InMemoryPipeline();
    place.failed('old.csv');
    place.passMinutes(8 * 24 * 60);
    place.failed('in/bad.csv', 'no such\ncolumn');
    place.passMinutes(3);
    place.ended('in/good.csv');
    place.passMinutes(1);
    place.account.openJob('in/open.csv');
    place.passMinutes(2);
    return { place, now: place.account.clock.now() };
  }

  it('shows open jobs, then jobs that have ended since, the latest first', async () => {
    const { place, now } = busy();
    const terminal = recordingTerminal();
    expect(listLines(await listJobs(place.handle, options, now), options, now, terminal))
      .toMatchInlineSnapshot(`
     [
       "open       2051e51e280d   2 min 00 s ago  in/open.csv  m",
       "succeeded  2ff5bee0c9c3   3 min 00 s ago  in/good.csv  m",
       "failed     9e39f9b91c2a   6 min 00 s ago  in/bad.csv  m",
       "  no such\\x0acolumn",
     ]
    `);
  });

  it('fits forty columns, and still has every job’s id', async () => {
    const { place, now } = busy();
    place.ended(`in/${'long'.repeat(30)}.csv`);
    const narrow = { ...recordingTerminal(), columns: 40 };
    const lines = listLines(await listJobs(place.handle, options, now), options, now, narrow);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(lines.filter((line) => /[0-9a-f]{12}/.test(line))).toHaveLength(4);
  });

  it('of failed jobs has no others, and shows the reason', async () => {
    const { place, now } = busy();
    const failed = { ...options, failed: true };
    const { jobs } = await listJobs(place.handle, failed, now);
    expect(jobs).toMatchObject([{ key: 'in/bad.csv', state: 'failed', error: 'no such\ncolumn' }]);
  });

  it('says so when there are more jobs than the limit', async () => {
    const { place, now } = busy();
    const one = { ...options, limit: 1 };
    const listed = await listJobs(place.handle, one, now);
    expect(listed.isWhole).toBe(false);
    expect(listLines(listed, one, now, recordingTerminal()).at(-1)).toContain('--limit');
  });

  it('does not say that no job has failed when a failed job may be among those that it has not read', async () => {
    const place = new InMemoryPipeline();
    place.failed('a.csv');
    place.passMinutes(1);
    place.ended('b.csv');
    const now = place.account.clock.now();
    const latestOnly = { ...options, failed: true, limit: 1 };
    const listed = await listJobs(place.handle, latestOnly, now);
    expect(listed).toEqual({ jobs: [], isWhole: false, shortage: null });
    expect(listLines(listed, latestOnly, now, recordingTerminal())).toEqual([
      'No job that was read has failed.',
      expect.stringContaining('--limit'),
    ]);
  });

  it('shows a job once while its open record still exists, and skips a file that is no receipt', async () => {
    const place = new InMemoryPipeline();
    const record = place.account.openJob('a.csv');
    const { jobId } = record;
    const receipt = { ...place.ended('b.csv'), jobId, input: record.input };
    place.account.s3.put('output', receiptKey('a.csv', jobId), JSON.stringify(receipt));
    place.account.s3.put('output', receiptKey('c.csv', 'c'.repeat(64)), '{}');
    const { jobs } = await listJobs(place.handle, options, place.account.clock.now());
    expect(jobs.map(({ key, state }) => `${key} ${state}`).sort()).toEqual([
      'a.csv succeeded',
      'b.csv succeeded',
    ]);
  });
});

describe('results', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());

  it('of a key are the latest upload’s, and the earlier ones are named', async () => {
    const place = new InMemoryPipeline();
    const first = place.failed('in/a.csv');
    place.passMinutes(1);
    const second = place.ended('in/a.csv');
    place.ended('in/a.csv/b.csv');
    const { receipt, others } = await resolveReceipt(place.handle, 'in/a.csv');
    expect(receipt.jobId).toBe(second.jobId);
    expect(others.map(({ jobId }) => jobId)).toEqual([first.jobId]);
    expect((await resolveReceipt(place.handle, first.jobId.slice(0, 10))).receipt.jobId).toBe(first.jobId);
  });

  it('of a key that looks like a job’s id are the key’s', async () => {
    const place = new InMemoryPipeline();
    place.account.models[0]!.suffixes.splice(0);
    const { jobId } = place.ended('abc');
    expect((await resolveReceipt(place.handle, 'abc')).receipt.jobId).toBe(jobId);
  });

  it.each([
    ['in/open.csv', /its job [0-9a-f]{12} is still open/],
    ['nobody.csv', /There are no results of "nobody.csv" in the pipeline p/],
    ['ffff', /No job of the pipeline p begins with "ffff"/],
  ])('of %s: what is wrong', async (text, sentence) => {
    const place = new InMemoryPipeline();
    place.account.openJob('in/open.csv');
    await expect(resolveReceipt(place.handle, text)).rejects.toThrow(sentence);
  });

  it('are copied, and a failed job’s make the command exit 1', async () => {
    const place = new InMemoryPipeline();
    const { jobId } = place.failed('in/a.csv');
    const terminal = recordingTerminal();
    const out = join(folder.path, 'copies');
    expect(await results(place.handle, 'in/a.csv', { out, json: true }, terminal)).toBe(1);
    expect(JSON.parse(terminal.stdout.join('\n'))).toMatchObject({
      ...{ command: 'results', cloud: 'local', pipeline: 'p', files: [], otherJobs: [] },
      receipt: { jobId, outcome: 'failed' },
    });
    const copy = join(out, 'in', 'a.csv', jobId.slice(0, 12), 'receipt.json');
    expect(JSON.parse(readFileSync(copy, 'utf8'))).toMatchObject({ jobId });
  });
});

describe('logs', () => {
  const jobId = 'a'.repeat(64);
  const at = Date.parse('2026-01-01T00:00:00.000Z');
  const groups = ['/aws/lambda/p-trigger', '/lamplighter/p/drain'];

  it('are the job’s only, from every group, in order, and each is read once', async () => {
    const place = new InMemoryPipeline();
    const say = (group: string, seconds: number, text: string) =>
      place.events.push({ group, at: at + seconds * 1000, message: text });
    say(groups[1]!, 3, `third ${jobId}`);
    say(groups[1]!, 2, `second ${jobId}`);
    say(groups[1]!, 4, `fourth ${jobId}`);
    say(groups[0]!, 1, `first ${jobId}`);
    say(groups[0]!, 1, `another job ${'b'.repeat(64)}`);
    const reader = new JobLogs(place.handle.target.clients.logs, groups, jobId, at);
    expect((await reader.readNew()).map(({ message }) => message.split(' ')[0])).toEqual([
      'first',
      'second',
      'third',
      'fourth',
    ]);
    // CloudWatch may show a line later than a newer line.
    say(groups[0]!, 3.5, `late ${jobId}`);
    expect((await reader.readNew()).map(({ message }) => message.split(' ')[0])).toEqual(['late']);
    expect(await reader.readNew()).toEqual([]);
  });

  it('are read although a log group does not exist yet', async () => {
    const place = new InMemoryPipeline();
    place.missing.add(groups[0]!);
    place.events.push({ group: groups[1]!, at, message: jobId });
    expect(await new JobLogs(place.handle.target.clients.logs, groups, jobId, at).readNew()).toHaveLength(1);
  });

  it('read from the trigger to the stop function', () => {
    expect(logGroupsOf(new InMemoryPipeline().handle.manifest)).toEqual([
      '/aws/lambda/p-trigger',
      '/aws/lambda/p-worker',
      '/lamplighter/p/drain',
      '/aws/lambda/p-stop',
    ]);
  });

  it.each([
    [
      { level: 'info', fact: 'run says', part: 'drain', jobId, stream: 'stderr', line: 'oh\u001b[2J' },
      '00:00:00.000  drain    stderr: oh\\x1b[2J',
    ],
    [
      { level: 'error', fact: 'job failed', part: 'drain', jobId, error: { kind: 'exit' } },
      '00:00:00.000  drain    error: job failed  error={"kind":"exit"}',
    ],
    [{ no: 'fact' }, '00:00:00.000  drain    {"no":"fact"}'],
  ])('%j reads as a person would want it', (message, text) => {
    expect(logText({ at, id: '1', group: groups[1]!, message: JSON.stringify(message) })).toBe(text);
  });

  it('are followed until the job has ended, and lines that arrive after its receipt are shown', async () => {
    const place = new InMemoryPipeline();
    const record = place.account.openJob('a.csv');
    const group = groups[1]!;
    const say = (text: string) =>
      place.events.push({ group, at: place.account.clock.now(), message: `${text} ${record.jobId}` });
    say('begins');
    const terminal = recordingTerminal();
    let heads = 0;
    place.account.s3.fault({
      ...{ command: 'HeadObject', key: openKey(record.jobId), times: 2 },
      run: () => {
        heads += 1;
        if (heads === 2) place.account.s3.delete('control', openKey(record.jobId));
        if (heads === 2) say('receipt written');
      },
    });
    await logs(place.handle, record.jobId, { follow: true, json: false }, terminal);
    expect(
      terminal.stdout.map((line) => line.replace(/.*drain {4}/, '').replace(/ [0-9a-f]{64}/, '')),
    ).toEqual(['begins', 'receipt written']);
  });

  it('say so when there are none', async () => {
    const place = new InMemoryPipeline();
    const { jobId: ended } = place.ended('a.csv');
    const terminal = recordingTerminal();
    await logs(place.handle, ended, { follow: true, json: false }, terminal);
    expect(terminal.stderr.join()).toContain('No log lines for job');
  });
});

describe('the audit', () => {
  function lossy() {
    const place = new InMemoryPipeline();
    place.ended('done.csv');
    place.account.openJob('open.csv');
    const lost = place.upload('in/lost ü.csv', 'four');
    place.upload('not taken.txt');
    place.passMinutes(10);
    place.upload('young.csv');
    return { place, lost };
  }

  it('names each upload that has neither a receipt nor an open record, and changes nothing', async () => {
    const { place, lost } = lossy();
    const found = await audit(place.handle, place.account.clock);
    expect(found).toMatchObject({ uploads: 4, ended: 1, open: 1, young: 1, doubled: [] });
    expect(found.lost).toMatchObject([{ jobId: lost.jobId, key: 'in/lost ü.csv' }]);
    expect(auditLines(found, undefined, recordingTerminal()).join('\n')).toContain('--admit');
    expect(place.account.s3.callsOf('PutObject')).toEqual([]);
  });

  it('admits them as the trigger does, once, and sweeps', async () => {
    const { place, lost } = lossy();
    const found = await audit(place.handle, place.account.clock);
    const done = await admitLost(place.handle, found.lost, place.account.clock);
    expect(done).toMatchObject({ admitted: [lost.jobId], refused: [] });
    expect(JSON.parse(place.account.s3.text('control', openKey(lost.jobId)) ?? '')).toMatchObject({
      ...{ admittedBy: 'audit', input: { ...lost.input, sizeBytes: 4 }, model: { name: 'm' } },
    });
    expect(place.invoked).toMatchObject([{ FunctionName: 'p-stop' }]);
    const again = await audit(place.handle, place.account.clock);
    expect(again).toMatchObject({ open: 2, lost: [] });
  });

  it('goes on after an upload that cannot be admitted, and names it', async () => {
    const { place, lost } = lossy();
    const other = place.upload('other.csv');
    place.passMinutes(10);
    place.account.s3.fault({
      ...{ command: 'PutObject', key: openKey(lost.jobId) },
      error: Object.assign(new Error('not you'), { name: 'AccessDenied' }),
    });
    const found = await audit(place.handle, place.account.clock);
    const done = await admitLost(place.handle, found.lost, place.account.clock);
    expect(done.admitted).toContain(other.jobId);
    expect(done.refused).toEqual([{ key: 'in/lost ü.csv', why: 'not you' }]);
  });

  it('reports an upload with two receipts', async () => {
    const place = new InMemoryPipeline();
    const receipt = place.ended('a.csv');
    place.account.s3.put('output', receiptKey('b.csv', receipt.jobId), JSON.stringify(receipt));
    const terminal = recordingTerminal();
    expect(await auditOf(place.handle, { admit: false, json: true }, terminal)).toBe(1);
    expect(JSON.parse(terminal.stdout.join('\n'))).toMatchObject({ doubled: [receipt.jobId] });
  });

  it('does not count an upload as lost that was admitted while it read', async () => {
    const { place, lost } = lossy();
    place.account.s3.fault({
      ...{ command: 'ListObjectVersions' },
      run: () => place.account.s3.put('control', openKey(lost.jobId), '{}'),
    });
    expect(await audit(place.handle, place.account.clock)).toMatchObject({ lost: [], open: 2 });
  });
});

describe('retry --failed', () => {
  it('leaves out jobs whose key has succeeded since, and goes on after a job that cannot be retried', async () => {
    const place = new InMemoryPipeline();
    place.failed('mended.csv');
    const gone = place.failed('gone.csv');
    place.account.s3.deleteVersion('data', 'gone.csv', gone.input.versionId);
    place.passMinutes(1);
    const newer = place.failed('newer.csv');
    place.passMinutes(1);
    place.ended('mended.csv');
    place.upload('newer.csv');
    const done = await retryFailed(place.handle, WEEK, false, place.account.clock.now());
    expect(done.facts.jobs).toMatchObject([
      { jobId: newer.jobId, changed: false, error: expect.stringContaining('--anyway') as string },
      { jobId: gone.jobId, changed: false, error: expect.stringContaining('has been deleted') as string },
    ]);
    expect(done).toMatchObject({ changed: false, failures: 0 });
  });

  it('says so when nothing has failed', async () => {
    const done = await retryFailed(new InMemoryPipeline().handle, WEEK, false, 0);
    expect(done.lines).toEqual([
      'Nothing to retry: in that time no job has failed, or every failed key has succeeded since.',
    ]);
  });
});
