import { OPEN_PREFIX, attemptPrefix, claimKey, openKey, receiptKey, stopKey } from '../../../lifecycle/job';
import type { ModelRef } from '../../../lifecycle/model';
import type { Receipt } from '../../../lifecycle/records';
import type { DrainPorts } from '../../../runner/context';
import { drain } from '../../../runner/drain';
import { InterruptedError } from '../../../runner/failures';
import { FakeS3 } from '../../support/fake-s3';
import {
  CONTROL,
  OUTPUT,
  Pipeline,
  VirtualClock,
  VirtualHost,
  card,
  type VirtualEnd,
  type VirtualModel,
} from './workshop';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let clock: VirtualClock;
let pipeline: Pipeline;
let model: ModelRef;
let ran: string[];
let lasts: (input: string) => number;

const works: VirtualModel = async (input) => {
  ran.push(input);
  await clock.sleep(lasts(input));
  return 0;
};

beforeEach(() => {
  clock = new VirtualClock();
  pipeline = new Pipeline(clock);
  pipeline.leaseSeconds = 900;
  model = pipeline.model({ 'model.json': card() });
  ran = [];
  lasts = () => MINUTE;
});

const run = (host: VirtualHost, overrides: Partial<DrainPorts> = {}, limitMs?: number) =>
  clock.run(drain(pipeline.ports(host, overrides)), limitMs);

function machine(details: object = {}, runs: VirtualModel = works): VirtualHost {
  const host = new VirtualHost(runs);
  host.cardText = card(details);
  return host;
}

/** From now on and for this long, S3 answers these requests with an error, after the SDK's tries of three seconds. */
function outage(
  milliseconds: number,
  match: { command?: string; key?: string | RegExp },
  error: Error,
): void {
  const until = clock.now() + milliseconds;
  const strike = async () => {
    if (clock.now() >= until) return;
    await clock.sleep(3_000);
    throw error;
  };
  pipeline.s3.fault({ ...match, times: 1_000_000, run: strike });
}

const unavailable = () => FakeS3.error('ServiceUnavailable', 503);
const denied = () => FakeS3.error('AccessDenied', 403);

describe('S3 is away', () => {
  const queue = () =>
    Array.from({ length: 40 }, (_none, index) => {
      const key = `in/${String(index).padStart(2, '0')}`;
      return [key, pipeline.job(key, '', model)] as const;
    });

  test.each([
    ['GETs of the data bucket answer 503', { command: 'GetObject', key: /^in\// }, unavailable()],
    ['GETs of the data bucket answer 403', { command: 'GetObject', key: /^in\// }, denied()],
    ['the model’s zip answers 403', { command: 'GetObject', key: /model\.zip$/ }, denied()],
    [
      'writes to the control bucket answer 503',
      { command: 'PutObject', key: /^(claims|attempts)\// },
      unavailable(),
    ],
    ['receipts are refused', { command: 'PutObject', key: /receipt\.json$/ }, denied()],
    ['outputs are refused', { command: 'PutObject', key: /result\.txt$/ }, denied()],
    ['nothing answers', {}, unavailable()],
  ])('for half an hour, and 40 of 40 jobs succeed: %s', async (_what, match, error) => {
    const jobs = queue();
    outage(30 * MINUTE, match, error);
    expect(await run(machine({ maxAttempts: 1 }))).toBe('empty');
    const outcomes = jobs.map(([key, jobId]) => pipeline.receipt(key, jobId).outcome);
    expect(outcomes).toEqual(jobs.map(() => 'succeeded'));
    expect(ran).toHaveLength(40);
    expect(pipeline.leftRecords()).toEqual([]);
  });

  test('for two hours: the drain gives up after one, with every job open, and leaves no trace of work', async () => {
    const jobs = queue();
    outage(2 * HOUR, { command: 'GetObject', key: /^in\// }, unavailable());
    const before = clock.now();
    expect(await run(machine())).toBe('left');
    expect(clock.now() - before).toBeLessThan(70 * MINUTE);
    expect(jobs.filter(([, jobId]) => pipeline.s3.text(CONTROL, openKey(jobId)) !== undefined)).toHaveLength(
      40,
    );
    expect(pipeline.s3.text(CONTROL, 'status/drain.json')).toBeUndefined();
  });

  test('during the trouble of all jobs the attempts are few: one at a time, with longer and longer pauses', async () => {
    queue();
    outage(30 * MINUTE, { command: 'GetObject', key: /^in\// }, unavailable());
    await run(machine());
    const first = pipeline.s3.callsOf('GetObject', /^in\//).length - 40;
    expect(first).toBeLessThan(20);
  });

  test('an input that S3 refuses for a day, while it reads others, fails with what to do; the others succeed', async () => {
    const refused = pipeline.job('refused', '', model);
    outage(30 * HOUR, { command: 'GetObject', key: 'refused' }, denied());
    for (let hour = 0; hour < 27; hour += 1) {
      clock.at(hour * HOUR, () => pipeline.job(`fine-${hour}`, '', model));
      clock.at(hour * HOUR + 30 * MINUTE, () => pipeline.job(`also-${hour}`, '', model));
    }
    await run(machine(), {}, 40 * HOUR);
    const { outcome, error, endedAt, admittedAt } = pipeline.receipt('refused', refused);
    expect({ outcome, kind: error?.kind }).toEqual({ outcome: 'failed', kind: 'input refused' });
    expect(error?.message).toContain('KMS key');
    expect(Date.parse(endedAt) - Date.parse(admittedAt)).toBeGreaterThanOrEqual(24 * HOUR);
    expect(ran.length).toBeGreaterThan(40);
  });
});

describe('a model that succeeded', () => {
  test.each([1, 2])(
    '… is not failed and does not run again because one PUT failed (maxAttempts %i)',
    async (maxAttempts) => {
      lasts = () => 10 * HOUR;
      const jobId = pipeline.job('x', '', model);
      pipeline.s3.fault({ command: 'PutObject', key: receiptKey('x', jobId), error: unavailable() });
      await run(machine({ maxAttempts, timeLimitMinutes: 1440 }));
      expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
      expect(ran).toHaveLength(1);
    },
  );

  test('… and whose receipt was written although every answer was lost has one receipt with its bill', async () => {
    const jobId = pipeline.job('x', '', model);
    const host = machine();
    clock.at(1_000, () => (host.uptime = 100));
    pipeline.s3.fault({
      command: 'PutObject',
      key: receiptKey('x', jobId),
      when: 'after',
      error: unavailable(),
    });
    await run(host);
    expect(pipeline.receipt('x', jobId).bill).toMatchObject({ runSeconds: 100 });
    expect(pipeline.facts('another attempt had written the receipt; this one counts for nothing')).toEqual(
      [],
    );
  });

  test('… is not killed because S3 is silent for 41 s', async () => {
    lasts = () => 10 * HOUR;
    const jobId = pipeline.job('x', '', model);
    const silent = [300, 900, 1900];
    for (const nth of silent.map((minute) => Math.round(minute / 4))) {
      pipeline.s3.fault({ command: 'PutObject', key: claimKey(jobId), nth, run: () => clock.sleep(41_000) });
    }
    const host = machine({ timeLimitMinutes: 1440, maxAttempts: 1 });
    await run(host);
    expect(host.killed).toEqual([]);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  });
});

describe('a free slot', () => {
  const twoSlots = { parallelJobs: 2, timeLimitMinutes: 1440 };

  test.each([
    ['the list of open jobs', { command: 'ListObjectsV2', key: OPEN_PREFIX }],
    ['the new job’s claim', { command: 'PutObject', key: /^claims\// }],
    ['the new job’s results', { command: 'ListObjectsV2', key: /^results\// }],
  ])('is used again after 20 s of errors, while another job runs for 20 hours: %s', async (_what, match) => {
    lasts = (input) => (input === 'long' ? 20 * HOUR : MINUTE);
    const long = pipeline.job('a', 'long', model);
    let short = '';
    clock.at(100_000, () => outage(20_000, match, unavailable()));
    clock.at(101_000, () => (short = pipeline.job('b', 'short', model)));
    let endedAfter = 0;
    const before = clock.now();
    clock.at(15 * MINUTE, () => (endedAfter = pipeline.hasReceipt('b', short) ? clock.now() - before : 0));
    expect(await run(machine(twoSlots))).toBe('empty');
    expect(endedAfter).toBeGreaterThan(0);
    expect(pipeline.receipt('a', long).outcome).toBe('succeeded');
  });
});

describe('the machine dies', () => {
  let boots: number;
  let attempts: { boot: number; key: string; beside: number }[];

  beforeEach(() => {
    boots = 0;
    attempts = [];
  });

  /** A boot that ends after this long without a word: its drain writes nothing any more. */
  async function bootAndDie(afterMs: number, details: object, launchedAt: string): Promise<void> {
    const { host, dead } = newBoot(details, launchedAt);
    const send = (command: object) =>
      dead.signal.aborted ? new Promise(() => undefined) : pipeline.s3.client.send(command as never);
    const { config } = pipeline.s3.client as unknown as { config: object };
    void drain(pipeline.ports(host, { s3: { send, config } as never, drainId: `drain-${boots}` })).catch(
      () => undefined,
    );
    await clock.run(clock.sleep(afterMs));
    dead.abort();
  }

  async function bootAndFinish(details: object, launchedAt: string): Promise<void> {
    const { host } = newBoot(details, launchedAt);
    await run(host, { drainId: `drain-${boots}` });
  }

  /** A boot in which EC2 interrupts the instance: the drain gets a SIGTERM. */
  async function bootAndInterrupt(afterMs: number, details: object, launchedAt: string): Promise<void> {
    const { host, dead } = newBoot(details, launchedAt);
    const interrupt = new AbortController();
    clock.at(afterMs, () => interrupt.abort(new InterruptedError('the drain received SIGTERM')));
    await run(host, { drainId: `drain-${boots}`, interrupt: interrupt.signal });
    dead.abort();
  }

  function newBoot(details: object, launchedAt: string) {
    boots += 1;
    const boot = boots;
    const dead = new AbortController();
    const host = machine({ timeLimitMinutes: 1440, ...details }, async (input) => {
      if (!dead.signal.aborted) attempts.push({ boot, key: input, beside: host.running.size });
      await clock.sleep(lasts(input));
      if (dead.signal.aborted) await new Promise(() => undefined);
      return 0;
    });
    host.bootId = `boot-${boot}`;
    host.launchedAt = launchedAt;
    host.unpacked.add(model.digest);
    host.ready.add(model.digest);
    return { host, dead };
  }

  const LAUNCH = '2030-01-01T00:00:00.000Z';
  const launch = (number: number) => `2030-01-02T00:00:${String(number).padStart(2, '0')}.000Z`;

  test('three unexplained deaths in a row with the job alone: a receipt of kind machine, after three boots', async () => {
    lasts = () => 2 * HOUR;
    const jobId = pipeline.job('poison', 'poison', model);
    for (let boot = 1; boot <= 3; boot += 1) await bootAndDie(HOUR, {}, LAUNCH);
    await bootAndFinish({}, LAUNCH);
    const { outcome, error, endedAttempts, attempt } = pipeline.receipt('poison', jobId);
    expect({ outcome, kind: error?.kind, attempt }).toEqual({
      outcome: 'failed',
      kind: 'machine',
      attempt: 3,
    });
    expect(error?.message).toContain('The model may be the cause');
    expect(endedAttempts).toMatchObject([{ first: 1, last: 3, cause: 'machine', death: 'alone' }]);
    expect(attempts.map(({ boot }) => boot)).toEqual([1, 2, 3]);
  });

  test('ten spot interruptions and two unexplained deaths, maxAttempts 1: the job succeeds at the 13th attempt', async () => {
    lasts = () => 2 * HOUR;
    const jobId = pipeline.job('x', 'x', model);
    const details = { maxAttempts: 1 };
    for (let boot = 1; boot <= 10; boot += 1) await bootAndInterrupt(HOUR, details, launch(boot));
    for (let boot = 11; boot <= 12; boot += 1) await bootAndDie(HOUR, details, launch(11));
    await bootAndFinish(details, launch(11));
    const { outcome, attempt, endedAttempts } = pipeline.receipt('x', jobId);
    expect({ outcome, attempt }).toEqual({ outcome: 'succeeded', attempt: 13 });
    expect(endedAttempts).toMatchObject([
      { first: 1, last: 10, cause: 'machine' },
      { first: 11, last: 12, cause: 'machine', death: 'alone' },
    ]);
  });

  test.each([
    ['EC2 stopped it', 'EC2', 'machine'],
    ['a person stopped it', 'people', 'person'],
    ['we stopped it', 'lamplighter', 'machine'],
  ])('a death that a function can explain is no death: %s', async (_what, by, cause) => {
    lasts = () => 2 * HOUR;
    const jobId = pipeline.job('x', '', model);
    for (let boot = 1; boot <= 4; boot += 1) {
      await bootAndDie(HOUR, {}, launch(boot));
      const stop = {
        version: 1,
        launchedAt: launch(boot),
        by,
        why: 'for a reason',
        at: launch(boot),
        nonce: 'n',
      };
      pipeline.s3.put(CONTROL, stopKey(launch(boot)), JSON.stringify(stop));
    }
    await bootAndFinish({}, launch(5));
    const { outcome, endedAttempts } = pipeline.receipt('x', jobId);
    expect(outcome).toBe('succeeded');
    expect(endedAttempts).toEqual([expect.objectContaining({ last: 4, cause, why: 'for a reason' })]);
    expect(endedAttempts?.[0]).not.toHaveProperty('death');
  });

  test('a death that no part could look up does not count against the job, twenty interruptions do', async () => {
    lasts = () => 2 * HOUR;
    const jobId = pipeline.job('x', '', model);
    for (let boot = 1; boot <= 20; boot += 1) await bootAndDie(HOUR, {}, launch(boot));
    await bootAndFinish({}, launch(21));
    const { error, attempt } = pipeline.receipt('x', jobId);
    expect({ kind: error?.kind, attempt }).toEqual({ kind: 'interrupted too often', attempt: 20 });
    expect(error?.message).toContain('maxInterruptions');
  });

  test('a spot notice explains the death that follows', async () => {
    lasts = () => 2 * HOUR;
    const jobId = pipeline.job('x', '', model);
    const notes = new Map<string, string>();
    for (let boot = 1; boot <= 3; boot += 1) {
      const made = newBoot({}, LAUNCH);
      made.host.shutdowns = notes;
      made.host.noticeText = 'EC2 takes the spot instance away';
      const send = (command: object) =>
        made.dead.signal.aborted ? new Promise(() => undefined) : pipeline.s3.client.send(command as never);
      void drain(pipeline.ports(made.host, { s3: { send } as never, drainId: `drain-${boots}` })).catch(
        () => undefined,
      );
      await clock.run(clock.sleep(HOUR));
      made.dead.abort();
    }
    const { host } = newBoot({}, LAUNCH);
    host.shutdowns = notes;
    await run(host, { drainId: 'last' });
    expect(pipeline.receipt('x', jobId)).toMatchObject({
      outcome: 'succeeded',
      attempt: 4,
      endedAttempts: [{ last: 3, cause: 'machine', why: 'EC2 takes the spot instance away' }],
    });
  });

  test('one of four jobs side by side takes the machine down: its neighbours succeed, one at a time', async () => {
    const details = { parallelJobs: 4 };
    const keys = ['a-fine', 'b-fine', 'poison', 'z-fine'];
    const jobs: [string, string][] = [];
    for (const key of keys) {
      jobs.push([key, pipeline.job(key, key, model)]);
      await clock.run(clock.sleep(1_000));
    }
    lasts = (input) => (input === 'poison' ? 48 * HOUR : 2 * HOUR);
    await bootAndDie(HOUR, details, LAUNCH);
    expect(attempts.map(({ beside }) => beside)).toEqual([0, 1, 2, 3]);
    attempts = [];
    // The neighbours take two hours each. Then the poison has the machine for one.
    await bootAndDie(5 * HOUR, details, LAUNCH);
    await bootAndDie(HOUR, details, LAUNCH);
    await bootAndDie(HOUR, details, LAUNCH);
    await bootAndFinish(details, LAUNCH);
    expect(attempts.every(({ beside }) => beside === 0)).toBe(true);
    expect(attempts.map(({ key, boot }) => `${key} ${boot}`)).toEqual([
      'a-fine 2',
      'b-fine 2',
      'poison 2',
      'poison 3',
      'poison 4',
      'z-fine 5',
    ]);
    const outcomes = jobs.map(([key, jobId]) => pipeline.receipt(key, jobId).error?.kind ?? 'succeeded');
    expect(outcomes).toEqual(['succeeded', 'succeeded', 'machine', 'succeeded']);
  });

  test('S3 trouble while the deaths are noted does not make a neighbour look as if it had run alone', async () => {
    const details = { parallelJobs: 2 };
    lasts = () => 2 * HOUR;
    const first = pipeline.job('first', 'first', model);
    await clock.run(clock.sleep(1_000));
    // The list of claims shows this job after the other. It begins last, so the trace names it.
    let key = 'second-';
    let second = '';
    while (second <= first) {
      if (second !== '') pipeline.s3.delete(CONTROL, openKey(second));
      key += 'x';
      second = pipeline.job(key, key, model);
    }
    await bootAndDie(HOUR, details, LAUNCH);
    pipeline.s3.fault({ command: 'PutObject', key: /^attempts\//, nth: 2, error: unavailable() });
    await bootAndFinish(details, LAUNCH);
    for (const [name, jobId] of [
      ['first', first],
      [key, second],
    ] as const) {
      expect(pipeline.receipt(name, jobId).endedAttempts).toMatchObject([{ death: 'with others' }]);
    }
  });
});

describe('a model that ends by itself', () => {
  test.each([
    ['exits with 1', { code: 1, signal: null }],
    ['dies of SIGSEGV', { code: null, signal: 'SIGSEGV' }],
  ])('… fails at once, for its own reason: it %s', async (_what, end) => {
    const host = machine();
    const make = host.newJobFolder.bind(host);
    host.newJobFolder = async (id) => {
      const folder = await make(id);
      const start: typeof folder.start = async (...args) => ({
        ...(await folder.start(...args)),
        ended: Promise.resolve(end),
      });
      return { ...folder, start };
    };
    const jobId = pipeline.job('x', '', model);
    const before = clock.now();
    await run(host);
    expect(pipeline.receipt('x', jobId).error?.kind).toBe('model failed');
    expect(clock.now() - before).toBeLessThan(MINUTE);
  });
});

describe('a process that SIGKILL does not end', () => {
  function stuckMachine(details: object): VirtualHost {
    const host = machine(details);
    const make = host.newJobFolder.bind(host);
    host.newJobFolder = async (attempt) => {
      const folder = await make(attempt);
      const isStuck = attempt.jobId === stuckJob;
      const start: typeof folder.start = async (...args) => {
        const started = await folder.start(...args);
        if (!isStuck) return started;
        return { ...started, ended: new Promise(() => undefined), killAll: () => Promise.resolve() };
      };
      return { ...folder, start };
    };
    return host;
  }

  let stuckJob: string;

  test('… ends its attempt at the time limit, lets the other job finish, begins none, and reboots the machine', async () => {
    lasts = () => 3 * HOUR;
    stuckJob = pipeline.job('a', '', model);
    const beside = pipeline.job('b', '', model);
    const later = pipeline.job('c', '', model);
    const host = stuckMachine({ timeLimitMinutes: 200, parallelJobs: 2 });
    host.cardText = card({ timeLimitMinutes: 20, parallelJobs: 2 });
    lasts = () => 15 * MINUTE;
    const before = clock.now();
    expect(await run(host)).toBe('stuck');
    expect(pipeline.receipt('a', stuckJob).error?.kind).toBe('time limit');
    expect(pipeline.receipt('b', beside).outcome).toBe('succeeded');
    expect(host.reboots).toBe(1);
    expect(clock.now() - before).toBeLessThan(40 * MINUTE);
    expect([pipeline.hasReceipt('c', later)]).toEqual([true]);
  });
});

describe('numbers of attempts', () => {
  test('an upload that runs again after its receipt was deleted does not write among the old outputs', async () => {
    const jobId = pipeline.job('x', '', model);
    const host = machine();
    host.outputs = { 'a.txt': 'old', 'b.txt': 'old' };
    await run(host);
    const record = JSON.stringify({ ...openRecordOf(pipeline.receipt('x', jobId)) });
    pipeline.s3.delete(OUTPUT, receiptKey('x', jobId));
    pipeline.s3.put(CONTROL, openKey(jobId), record);
    host.outputs = { 'a.txt': 'new' };
    await run(host);
    const receipt = pipeline.receipt('x', jobId);
    expect(receipt.attempt).toBe(2);
    expect(receipt.outputs.map(({ key }) => key)).toEqual([`${attemptPrefix('x', jobId, 2)}a.txt`]);
    expect(pipeline.s3.text(OUTPUT, `${attemptPrefix('x', jobId, 1)}a.txt`)).toBe('old');
  });

  function openRecordOf({ jobId, input, model: ref, admittedAt }: Receipt): object {
    return { version: 1, jobId, input, model: ref, admittedAt, admittedBy: 'audit', nonce: 'n' };
  }
});

describe('the bounds of the card', () => {
  test('are those of the admission, before the folder is on the disk', async () => {
    const details = { retryOnFailure: true, maxAttempts: 2 };
    const host = machine(details, (input) => {
      ran.push(input);
      return Promise.resolve(1);
    });
    const jobId = pipeline.job('x', 'in', model, { 'max-attempts': '5' });
    await run(host);
    expect(ran).toHaveLength(5);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ attempt: 5, error: { kind: 'model failed' } });
  });
});

describe('the tail', () => {
  test('the drain stays for lingerSeconds after its last work, and an upload in it needs no command', async () => {
    pipeline.lingerSeconds = 30;
    pipeline.job('x', 'first', model);
    const before = clock.now();
    clock.at(MINUTE + 20_000, () => pipeline.job('y', 'second', model));
    expect(await run(machine())).toBe('empty');
    expect(ran).toEqual(['first', 'second']);
    const took = clock.now() - before;
    expect(took).toBeGreaterThanOrEqual(2 * MINUTE + 50_000);
    expect(took).toBeLessThan(2 * MINUTE + 60_000);
  });

  test('a drain that found no work ends at once', async () => {
    pipeline.lingerSeconds = 30;
    const before = clock.now();
    expect(await run(machine())).toBe('empty');
    expect(clock.now() - before).toBeLessThan(15_001);
  });
});

describe('ends that are not the program’s own doing', () => {
  /** A model whose runs end as listed, and then with exit code 0. */
  const endsWith =
    (...ends: VirtualEnd[]): VirtualModel =>
    async (input) => {
      ran.push(input);
      await clock.sleep(1_000);
      return ends.shift() ?? 0;
    };

  test.each<[string, VirtualEnd]>([
    ['SIGTERM', { signal: 'SIGTERM' }],
    ['SIGINT', { signal: 'SIGINT' }],
    ['SIGHUP', { signal: 'SIGHUP' }],
    ['the SIGTERM of a script’s command', { code: 143 }],
    ['one SIGKILL from where nobody can tell', { signal: 'SIGKILL' }],
    ['one such SIGKILL of a script’s command', { code: 137 }],
    [
      'a wrapper that fails before the program',
      { code: 1, hasNotBegun: true, stderr: 'Failed to start unit' },
    ],
    ['a wrapper that says nothing and exits with 0', { code: 0, hasNotBegun: true }],
  ])('%s is given back, and the job runs again', async (_what, end) => {
    const jobId = pipeline.job('x', 'in', model);
    await run(machine({}, endsWith(end)));
    expect(ran).toHaveLength(2);
    const { outcome, endedAttempts } = pipeline.receipt('x', jobId);
    expect(outcome).toBe('succeeded');
    expect(endedAttempts).toMatchObject([
      { first: 1, last: 1, cause: end.hasNotBegun ? 'wrapper' : 'machine' },
    ]);
  });

  test.each<[string, VirtualEnd, object]>([
    ['SIGSEGV', { signal: 'SIGSEGV' }, { kind: 'model failed' }],
    ['SIGPIPE', { signal: 'SIGPIPE' }, { kind: 'model failed' }],
    ['the SIGSEGV of a script’s command', { code: 139 }, { kind: 'model failed' }],
    ['exit code 1', { code: 1 }, { kind: 'model failed' }],
    ['exit code 127', { code: 127 }, { message: expect.stringContaining('interpreter') as string }],
    ['memory that runs out', { signal: 'SIGKILL', ranOutOfMemory: true }, { kind: 'memory' }],
    ['memory that runs out in a script', { code: 137, ranOutOfMemory: true }, { kind: 'memory' }],
  ])('%s is the model’s doing, and fails the job at once', async (_what, end, error) => {
    const jobId = pipeline.job('x', 'in', model);
    await run(machine({}, endsWith(end)));
    expect(ran).toHaveLength(1);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'failed', error });
  });

  test('a second SIGKILL from where nobody can tell is the model’s, also with other interruptions between', async () => {
    const jobId = pipeline.job('x', 'in', model);
    const kill = { signal: 'SIGKILL' };
    await run(machine({}, endsWith(kill, { signal: 'SIGTERM' }, kill)));
    expect(ran).toHaveLength(3);
    expect(pipeline.receipt('x', jobId)).toMatchObject({
      outcome: 'failed',
      attempt: 3,
      error: { kind: 'memory' },
    });
  });

  test('a program that fails on a full disk is told so', async () => {
    const jobId = pipeline.job('x', 'in', model);
    const host = machine({}, endsWith({ code: 1 }));
    host.isDiskFull = true;
    await run(host);
    expect(pipeline.receipt('x', jobId).error?.message).toContain('the disk was full; raise diskGiB');
  });

  test('a setup that fails on a full disk says so, and is tried again when there is room', async () => {
    const jobId = pipeline.job('x', 'in', model);
    const host = machine({}, endsWith({ code: 0 }));
    host.isDiskFull = true;
    host.setup = () => Promise.resolve(host.isDiskFull ? 1 : 0);
    clock.at(60_000, () => (host.isDiskFull = false));
    await run(host);
    const { outcome, endedAttempts = [] } = pipeline.receipt('x', jobId);
    expect(outcome).toBe('succeeded');
    expect(endedAttempts).toMatchObject([{ first: 1, cause: 'machine' }]);
    expect(endedAttempts[0]?.why).toContain('exited with code 1, and the disk was full; raise diskGiB');
  });

  test.each<[string, VirtualEnd | number]>([
    ['ends by SIGTERM', { signal: 'SIGTERM' }],
    ['exits with 1', 1],
    ['exits with 0 and half of its outputs', 0],
  ])('a model that %s in a shutdown has not ended its job, and no attempt begins', async (_what, end) => {
    const jobIds = ['x', 'y', 'z'].map((key) => pipeline.job(key, key, model));
    const interrupt = new AbortController();
    const host = machine({}, async (input) => {
      ran.push(input);
      await clock.sleep(1_000);
      host.isGoingDown = true;
      return end;
    });
    clock.at(80_000, () => interrupt.abort(new InterruptedError('the drain received SIGTERM')));
    expect(await run(host, { interrupt: interrupt.signal })).toBe('interrupted');
    expect(ran).toHaveLength(1);
    expect(['x', 'y', 'z'].map((key, index) => pipeline.hasReceipt(key, jobIds[index]!))).toEqual([
      false,
      false,
      false,
    ]);
    expect(host.shutdowns.get('boot-1')).toBe('the machine was shut down');
    const first = ['x', 'y', 'z'].indexOf(ran[0]!);
    expect(pipeline.s3.text(CONTROL, claimKey(jobIds[first]!))).toContain('the machine is shutting down');

    const next = machine();
    next.bootId = 'boot-2';
    await run(next);
    for (const [index, key] of ['x', 'y', 'z'].entries()) {
      expect(pipeline.receipt(key, jobIds[index]!)).toMatchObject({
        outcome: 'succeeded',
        attempt: index === first ? 2 : 1,
      });
    }
  });

  test('a setup that a shutdown ends is run again', async () => {
    const jobId = pipeline.job('x', 'in', model);
    const host = machine();
    host.setup = async () => {
      await clock.sleep(1_000);
      return host.setup === undefined ? 0 : ((host.setup = undefined), { signal: 'SIGTERM' });
    };
    await run(host);
    expect(pipeline.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
  });
});
