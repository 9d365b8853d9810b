import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attemptPrefix, claimKey, openKey, receiptKey, statusKey } from '../../../../lifecycle/job';
import type { Receipt } from '../../../../lifecycle/records';
import { golden, keepMachineOut, run as runWith } from './run';
import { waitReasons } from '../../../../scripts/doctor/wait-reasons';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

keepMachineOut();

const run = (place: InMemoryPipeline, args: readonly string[], columns?: number) =>
  runWith(place, args, { columns });

const at = (place: InMemoryPipeline) => new Date(place.account.clock.now()).toISOString();

/** A succeeded job with results, a failed one, one that runs, and one that waits. */
function busy() {
  const place = new InMemoryPipeline();
  const { account } = place;
  const admittedAt = at(place);
  place.passMinutes(1);
  const startedAt = at(place);
  place.passMinutes(2);
  const good = succeeded(place, 'in/good.csv', { admittedAt, startedAt });
  place.passMinutes(60);
  const bad = place.ended('in/bad.csv', {
    outcome: 'failed',
    error: { kind: 'model failed', message: 'the model exited with code 1' },
    stderrTail: 'Traceback\nLine 2, column radius: "oops" is no number\n',
  });
  place.passMinutes(5);
  const running = account.openJob('in/running.csv');
  const { jobId } = running;
  const put = (key: string, record: object) =>
    account.s3.put('control', key, JSON.stringify({ version: 1, jobId, attempt: 1, ...record }));
  const leaseUntil = new Date(account.clock.now() + 600_000).toISOString();
  const claim = { bootId: 'b', drainId: 'd', claimedAt: at(place), leaseUntil, nonce: 'n' };
  put(claimKey(jobId), claim);
  put(statusKey(jobId), { phase: 'running', progress: 0.42, message: 'row 100 of 240', at: at(place) });
  place.passMinutes(1);
  const waiting = account.openJob('in/waiting.csv');
  account.state = 'running';
  account.setGate('OPEN', 120);
  account.commands = [
    { CommandId: 'c-1', Status: 'InProgress', RequestedDateTime: new Date(account.clock.now() - 60_000) },
  ];
  account.tags.set('lamplighter:phase', 'working').set('lamplighter:pipeline', 'p');
  account.launchTime = new Date(account.clock.now() - 120_000);
  place.passMinutes(1);
  return { place, good, bad, running, waiting };
}

function succeeded(place: InMemoryPipeline, key: string, more: Partial<Receipt>): Receipt {
  const first = place.ended(key, more);
  const prefix = attemptPrefix(key, first.jobId, 1);
  const files = { 'predictions.csv': 'id,label\n1,benign\n2,malignant\n', 'summary.json': '{"rows":2}\n' };
  for (const [name, text] of Object.entries(files)) place.account.s3.put('output', `${prefix}${name}`, text);
  const outputs = Object.entries(files).map(([name, text]) => ({
    ...{ key: `${prefix}${name}`, sizeBytes: text.length },
  }));
  const receipt = { ...first, outputs };
  place.account.s3.put('output', receiptKey(key, first.jobId), JSON.stringify(receipt));
  return receipt;
}

/** What every part logged of the job. */
function logged(place: InMemoryPipeline, jobId: string) {
  const say = (group: string, fact: object) =>
    place.events.push({ group, at: place.account.clock.now(), message: JSON.stringify(fact) });
  const drain = { level: 'info', part: 'drain', jobId };
  say('/aws/lambda/p-trigger', { level: 'info', part: 'trigger', fact: 'upload', jobId, key: 'in/bad.csv' });
  say('/lamplighter/p/drain', { ...drain, fact: 'run says', stream: 'stderr', line: 'Line 2: oops' });
  say('/lamplighter/p/drain', { ...drain, level: 'error', fact: 'job failed', error: { kind: 'exit' } });
  say('/aws/lambda/p-stop', { level: 'info', part: 'stop', fact: 'settled', cause: { jobIds: [jobId] } });
}

type Story = (made: ReturnType<typeof busy>) => readonly string[];

const BUSY: readonly [string, Story][] = [
  ['list', () => ['list']],
  ['list --failed', () => ['list', '--failed']],
  ['results of a key', () => ['results', 'in/good.csv']],
  ['results of a failed job', ({ bad }) => ['results', bad.jobId.slice(0, 6)]],
  ['logs', ({ bad }) => ['logs', bad.jobId.slice(0, 12)]],
  ['audit', () => ['audit']],
  ['audit --admit', () => ['audit', '--admit']],
  ['status', () => ['status']],
  ['report', () => ['report']],
  ['doctor', () => ['doctor']],
  ['pause', () => ['pause', '--why', 'a leak in the lab']],
  ['resume', () => ['resume']],
  ['hold', () => ['hold']],
  ['release', () => ['release']],
  ['warm', () => ['warm']],
  ['retry', ({ bad }) => ['retry', bad.jobId.slice(0, 12)]],
  ['retry --failed', () => ['retry', '--failed']],
  ['retry of what has succeeded', ({ good }) => ['retry', good.jobId.slice(0, 12)]],
];

/** One upload's event is lost, beside all that goes on. */
function story() {
  const made = busy();
  made.place.upload('in/lost.csv');
  made.place.passMinutes(6);
  made.place.account.lastPing = new Date(made.place.account.clock.now() - 30_000);
  logged(made.place, made.bad.jobId);
  return made;
}

describe('in a pipeline at work', () => {
  it.each(BUSY)('%s: for people', async (_name, args) => {
    const made = story();
    expect(golden(await run(made.place, args(made)))).toMatchSnapshot();
  });

  it.each(BUSY)('%s: for programs, one JSON document', async (_name, args) => {
    const made = story();
    const seen = await run(made.place, [...args(made), '--json']);
    if (seen.stdout !== '')
      expect(JSON.parse(seen.stdout)).toMatchObject({
        command: args(made)[0],
        cloud: 'local',
        pipeline: 'p',
      });
    else expect(seen).toMatchObject({ code: 2, stderr: expect.stringContaining('lamplighter: ') as string });
    expect(golden(seen)).toMatchSnapshot();
  });

  it.each(BUSY)('%s: nothing but a long word is wider than 40 columns', async (_name, args) => {
    const made = story();
    const { stdout } = await run(made.place, args(made), 40);
    const tooWide = stdout.split('\n').filter((line) => line.length > 40 && /\S\s+\S/.test(line));
    expect(tooWide).toEqual([]);
  });

  it.each([['list'], ['status'], ['doctor'], ['audit']])('%s on 40 columns', async (command) => {
    expect(golden(await run(story().place, [command], 40))).toMatchSnapshot();
  });
});

describe('submit', () => {
  beforeAll(() => {
    mkdirSync('day');
    writeFileSync(join('day', 'a.csv'), 'one');
    writeFileSync(join('day', 'b.txt'), 'two');
  });

  it.each([[[]], [['--json']]])(
    'tells what it uploads, as which jobs, and what it leaves out: %j',
    async (more) => {
      const seen = await run(new InMemoryPipeline(), ['submit', 'day', ...more]);
      if (more.length > 0) expect(JSON.parse(seen.stdout)).toMatchObject({ command: 'submit' });
      expect(golden(seen)).toMatchSnapshot();
    },
  );
});

describe('in a pipeline that has never run', () => {
  it.each([
    ...['list', 'list --failed', 'audit', 'status', 'doctor', 'retry --failed', 'resume', 'release'],
    ...['results a.csv', 'logs ffff'],
  ])('%s', async (line) => {
    const place = new InMemoryPipeline();
    place.sweep = { did: 'nothing' };
    expect(golden(await run(place, line.split(' ')))).toMatchSnapshot();
  });
});

describe('what cannot be done is said in a sentence', () => {
  const failing = (name: string, message: string) => {
    const place = new InMemoryPipeline();
    const error = Object.assign(new Error(message), { name });
    place.handle.target.clients.ssm.send = (() => Promise.reject(error)) as never;
    return place;
  };

  it('a job by too few digits, and by digits that none begins with', async () => {
    const place = new InMemoryPipeline();
    const ids = Array.from({ length: 17 }, (_, index) => place.ended(`${index}.csv`).jobId);
    // Of 17 jobs two begin with the same digit.
    const twice = ids.map(([first = '']) => first).find((first, index, all) => all.indexOf(first) !== index)!;
    for (const command of ['results', 'logs', 'retry'])
      expect(golden(await run(place, [command, twice]))).toMatchSnapshot();
    expect(golden(await run(place, ['logs', 'not-a-job']))).toMatchSnapshot();
  });

  it('a key that no model accepts, before anything is uploaded', async () => {
    const place = new InMemoryPipeline();
    writeFileSync('image.png', 'x');
    writeFileSync('empty.csv', '');
    expect(golden(await run(place, ['submit', 'image.png', 'empty.csv', 'gone.csv']))).toMatchSnapshot();
    expect(place.account.s3.objects('data').size).toBe(0);
  });

  it('no pipeline, several, none of that name', async () => {
    const place = new InMemoryPipeline();
    place.manifests.push({ ...place.manifests[0]!, pipeline: 'q' });
    expect(golden(await run(place, ['list']))).toMatchSnapshot();
    expect(golden(await run(place, ['list', '--pipeline', 'r']))).toMatchSnapshot();
    expect((await run(place, ['list', '--pipeline', 'q'])).code).toBe(0);
    place.manifests.splice(0);
    expect(golden(await run(place, ['list']))).toMatchSnapshot();
  });

  it('no credentials; a local cloud that has been stopped', async () => {
    const none = failing('CredentialsProviderError', 'Could not load credentials from any providers');
    expect(golden(await run(none, ['list']))).toMatchSnapshot();
    expect(golden(await run(none, ['doctor', '--json']))).toMatchSnapshot();
    const stopped = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:4566'), { code: 'ECONNREFUSED' });
    const place = new InMemoryPipeline();
    place.handle.target.clients.ssm.send = (() => Promise.reject(stopped)) as never;
    expect(golden(await run(place, ['status']))).toMatchSnapshot();
  });
});

it('a second retry runs nothing twice, and says what has become of the first', async () => {
  const { place, bad } = story();
  await run(place, ['retry', bad.jobId]);
  const { code, stdout } = await run(place, ['retry', bad.jobId]);
  expect(stdout).toMatch(
    /^The job 974eb57c2116 has already been retried: its copy is the job [0-9a-f]{12} \(uploaded\)\.$/,
  );
  expect(code).toBe(0);
});

it('a job that has just been admitted for a lost upload is a job like any other', async () => {
  const { place } = story();
  await run(place, ['audit', '--admit']);
  expect((await run(place, ['list'])).stdout).toContain('in/lost.csv');
  expect(
    [...place.account.s3.objects('control').keys()].filter((key) => key.startsWith('open/')),
  ).toHaveLength(3);
});

it.each([[openKey], [claimKey], [statusKey]])(
  'a record that is garbled keeps nobody from seeing the rest',
  async (keyOf) => {
    const { place, running } = story();
    place.account.s3.put('control', keyOf(running.jobId), 'garbage');
    for (const command of ['list', 'status', 'doctor']) {
      const { stdout } = await run(place, [command]);
      expect(stdout).toMatch(/in\/waiting\.csv|in\/bad\.csv/);
    }
  },
);

it('who waits for a job is told why it waits, but not of one that runs', async () => {
  const { place, running, waiting } = story();
  const reasons = await waitReasons(place.handle, place.account.clock);
  expect(reasons.get(waiting.jobId)).toBe('it is queued: another job runs');
  expect(reasons.has(running.jobId)).toBe(false);
});

it('lines that are followed are JSON each for itself', async () => {
  const { place, bad } = story();
  const { stdout } = await run(place, ['logs', bad.jobId, '--follow', '--json']);
  const lines = stdout.split('\n').map((line) => JSON.parse(line) as { group: string });
  expect(lines.map(({ group }) => group.split('/').at(-1))).toEqual([
    'p-trigger',
    'drain',
    'drain',
    'p-stop',
  ]);
});
