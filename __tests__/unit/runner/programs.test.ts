import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync, strToU8 } from 'fflate';
import { claimKey } from '../../../lifecycle/job';
import { InterruptedError } from '../../../runner/failures';
import { CONTROL, OUTPUT, Workshop, card, realClock } from './workshop';

let workshop: Workshop;

beforeEach(() => {
  workshop = new Workshop();
});

afterEach(() => workshop.remove());

const sh = (body: string) => `#!/bin/sh\n${body}\n`;

/** A model whose `run` is this shell script. */
const shell = (body: string, details: object = {}) =>
  workshop.model({ 'model.json': card(details), run: sh(body) });

const seconds = (count: number) => ({ timeLimitMinutes: count / 60 });

/** True if a process with this text in its command line runs. */
function isRunning(mark: string): boolean {
  const list = execFileSync('ps', ['-A', '-ww', '-o', 'stat=,args='], { encoding: 'utf8' });
  return list.split('\n').some((line) => line.includes(mark) && !line.startsWith('Z'));
}

/** The number of unique sleeps so far. */
let marks = 0;

/** A sleep command that no other process on the machine runs. */
function uniqueSleep(): string {
  marks += 1;
  return `sleep ${3000 + marks}.${process.pid}`;
}

test('a model gets its input, and its results are uploaded, with sub-folders and empty files', async () => {
  const model = shell('mkdir "$2/sub"; cat "$1"/* > "$2/sub/copy of it.txt"; : > "$2/empty"');
  const jobId = workshop.job('in/my file.csv', 'hello', model);
  expect(await workshop.drain()).toBe('empty');
  const receipt = workshop.receipt('in/my file.csv', jobId);
  const prefix = `results/in/my file.csv/${jobId}/attempt-1/`;
  expect(receipt.outputs).toEqual([
    { key: `${prefix}empty`, sizeBytes: 0 },
    { key: `${prefix}sub/copy of it.txt`, sizeBytes: 5 },
  ]);
  expect(workshop.s3.text(OUTPUT, `${prefix}sub/copy of it.txt`)).toBe('hello');
  expect(readdirSync(join(workshop.root, 'jobs'))).toEqual([]);
});

test.each([
  ['$(touch pwned); "x" `id`.csv', '_touch_pwned_x_id_.csv'],
  ['../../../etc/passwd', 'passwd'],
  ['a\nb\u0000c', 'a_b_c'],
  ['-rf', 'rf'],
  ['красный.csv', 'input.csv'],
])('the model gets the key %j as a harmless file name', async (key, name) => {
  const model = shell('ls "$1" > "$2/names"');
  const jobId = workshop.job(key, '', model);
  await workshop.drain();
  const [output] = workshop.receipt(key, jobId).outputs;
  expect(workshop.s3.text(OUTPUT, output!.key)).toBe(`${name}\n`);
});

test('a model runs in its own folder and finds the files that came with it', async () => {
  const model = workshop.model({
    'model.json': card(),
    run: sh('cp weights/a.txt "$2/"'),
    'weights/a.txt': 'w',
  });
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId).outputs).toHaveLength(1);
});

test('a model gets no credentials and no variable of Lamplighter, but the proxy and package settings', async () => {
  const model = shell('env > "$2/env"');
  const jobId = workshop.job('x', '', model);
  await workshop.drain(
    {},
    {
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://credentials',
      LAMPLIGHTER_ROOT: '/x',
      DATABASE_PASSWORD: 'secret',
      PIP_INDEX_URL: 'http://index',
      https_proxy: 'http://proxy',
      LANG: 'C.UTF-8',
    },
  );
  const environment = workshop.s3.text(OUTPUT, workshop.receipt('x', jobId).outputs[0]!.key)!;
  expect(environment).not.toMatch(/AWS_|LAMPLIGHTER_|secret/);
  expect(environment).toMatch(/^PIP_INDEX_URL=http:\/\/index$/m);
  expect(environment).toMatch(/^https_proxy=/m);
  expect(environment).toMatch(new RegExp(`^HOME=${workshop.root}/jobs/${jobId}/home$`, 'm'));
});

test('the receipt of a model that exits non-zero has the code and the end of stderr', async () => {
  const model = shell('echo row 7, column "age" is empty >&2; exit 3');
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId)).toMatchObject({
    outcome: 'failed',
    exit: { code: 3, signal: null },
    error: { kind: 'model failed', message: 'the model exited with code 3' },
    stderrTail: 'row 7, column age is empty\n',
    outputs: [],
  });
});

test('a model that floods its output fills neither memory nor the log', async () => {
  const model = shell('head -c 3000000 /dev/zero | tr "\\0" "x" >&2; yes | head -n 100000; exit 1');
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId).stderrTail!.length).toBeLessThanOrEqual(16_384);
  expect(workshop.facts('run says').length).toBeLessThanOrEqual(5_001);
});

test('a model that hangs ends at its time limit, with its children', async () => {
  const child = uniqueSleep();
  const model = shell(`${child} & ${child}`, seconds(0.4));
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId)).toMatchObject({
    exit: { code: null, signal: 'SIGTERM' },
    error: { kind: 'time limit' },
  });
  expect(isRunning(child)).toBe(false);
});

test('a model that ignores SIGTERM is killed', async () => {
  const child = uniqueSleep();
  const model = shell(`trap "" TERM; while :; do ${child}; done`, seconds(1.5));
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId).exit).toEqual({ code: null, signal: 'SIGKILL' });
  expect(isRunning(child)).toBe(false);
});

test('a model may clean up on SIGTERM, but its job fails', async () => {
  const model = shell('trap "echo tidy >&2; exit 0" TERM; sleep 60 & wait', seconds(1.5));
  const jobId = workshop.job('x', '', model);
  await workshop.drain({ timings: { killGraceSeconds: 5 } });
  expect(workshop.receipt('x', jobId)).toMatchObject({
    outcome: 'failed',
    stderrTail: 'tidy\n',
    error: { kind: 'time limit' },
  });
});

test('children that a model leaves behind are killed, although they hold its output open', async () => {
  const child = uniqueSleep();
  const model = shell(`${child} & echo done > "$2/r"`);
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId).outcome).toBe('succeeded');
  expect(isRunning(child)).toBe(false);
});

(existsSync('/proc/self/environ') ? test : test.skip)(
  'children that left the process group are killed too: they would slow the next job down',
  async () => {
    const child = uniqueSleep();
    const model = shell(`setsid ${child} & sleep 0.2; echo done > "$2/r"`);
    const jobId = workshop.job('x', '', model);
    await workshop.drain();
    expect(workshop.receipt('x', jobId).outcome).toBe('succeeded');
    expect(isRunning(child)).toBe(false);
  },
);

test('a model cannot publish a file of the machine by a symbolic link', async () => {
  const model = shell('ln -s /etc/passwd "$2/innocent.txt"');
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  const { error } = workshop.receipt('x', jobId);
  expect(error?.kind).toBe('output');
  expect(error?.message).toContain('innocent.txt is a symbolic link');
  expect(workshop.s3.objects(OUTPUT).size).toBe(1);
});

test('a result whose name is not UTF-8 fails the job, and the message has the name’s bytes', async () => {
  const model = shell(`touch "$2/$(printf 'caf\\351.csv')"`);
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  expect(workshop.receipt('x', jobId).error).toMatchObject({ kind: 'output name' });
  expect(workshop.receipt('x', jobId).error?.message).toContain('caf\\xe9.csv');
});

test('a large result is uploaded whole, in parts', async () => {
  const model = shell('head -c 18000000 /dev/zero > "$2/large.bin"');
  const jobId = workshop.job('x', '', model);
  await workshop.drain();
  const [output] = workshop.receipt('x', jobId).outputs;
  expect(output?.sizeBytes).toBe(18_000_000);
  expect(workshop.s3.text(OUTPUT, output!.key)).toHaveLength(18_000_000);
  expect(workshop.s3.callsOf('UploadPart').length).toBe(3);
});

test('progress on stdout reaches the status record', async () => {
  const model = shell('echo "progress: 0.42 half of it"; sleep 1; echo > "$2/r"');
  workshop.job('x', '', model);
  await workshop.drain();
  const written = workshop.s3
    .callsOf('PutObject', /^status/)
    .map(({ input }) => JSON.parse(String(input.Body)) as object);
  expect(written).toContainEqual(
    expect.objectContaining({ phase: 'running', progress: 0.42, message: 'half of it' }),
  );
});

describe('the model folder', () => {
  test('setup runs once per digest, before the first run, and each run finds its files', async () => {
    const files = { 'model.json': card(), setup: sh('echo x >> made'), run: sh('cp made "$2/"') };
    const model = workshop.model(files);
    const first = workshop.job('a', '', model);
    await workshop.drain();
    const second = workshop.job('b', '', model);
    await workshop.drain();
    const third = workshop.job('c', '', workshop.model(files));
    await workshop.drain();
    for (const [key, jobId] of Object.entries({ a: first, b: second, c: third })) {
      expect(workshop.s3.text(OUTPUT, workshop.receipt(key, jobId).outputs[0]!.key)).toBe('x\n');
    }
  });

  test('a setup that failed half-way starts again in a clean folder', async () => {
    const setup = sh(
      '[ -e half ] && exit 9; touch half; [ -e "$HOME/../../../second" ] && exit 0; touch "$HOME/../../../second"; exit 1',
    );
    const jobId = workshop.job(
      'x',
      '',
      workshop.model({ 'model.json': card(), setup, run: sh('echo > "$2/r"') }),
    );
    await workshop.drain();
    expect(workshop.receipt('x', jobId)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
  });

  test('the receipt of a failed setup has its stderr', async () => {
    const setup = sh('echo no such package >&2; exit 1');
    const jobId = workshop.job('x', '', workshop.model({ 'model.json': card(), setup, run: sh(':') }));
    await workshop.drain();
    expect(workshop.receipt('x', jobId)).toMatchObject({
      error: { kind: 'setup failed' },
      stderrTail: 'no such package\n',
    });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['without model.json', { run: sh(':') }, /has no model.json/],
    ['with a broken model.json', { 'model.json': '{', run: sh(':') }, /model.json is not JSON/],
    ['with a misspelt setting', { 'model.json': card({ timeLimit: 3 }), run: sh(':') }, /timeLimit/],
    ['without run', { 'model.json': card() }, /no executable named `run`/],
    [
      'whose interpreter is missing',
      { 'model.json': card(), run: '#!/no/such/python\n' },
      /not on the machine/,
    ],
  ])('a model %s fails its jobs at once, with the reason', async (_name, files, reason) => {
    const jobId = workshop.job('x', '', workshop.model(files));
    await workshop.drain();
    expect(workshop.receipt('x', jobId)).toMatchObject({ outcome: 'failed', attempt: 1 });
    expect(workshop.receipt('x', jobId).error?.message).toMatch(reason);
  });

  test('the receipt of a run that is not executable says `chmod +x`', async () => {
    const zip = zipSync({ 'model.json': strToU8(card()), run: strToU8(sh(':')) });
    const jobId = workshop.job('x', '', workshop.modelOfZip(zip));
    await workshop.drain();
    expect(workshop.receipt('x', jobId).error?.message).toContain('chmod +x');
  });

  test('a damaged zip fails its jobs at once', async () => {
    const jobId = workshop.job(
      'x',
      '',
      workshop.modelOfZip(strToU8('not a zip at all, but long enough to look like it')),
    );
    await workshop.drain();
    expect(workshop.receipt('x', jobId)).toMatchObject({ attempt: 1, error: { kind: 'model' } });
  });

  test('a zip cannot write outside of its folder', async () => {
    const zip = zipSync({ '../../../escaped': strToU8('x'), 'model.json': strToU8(card()) });
    const jobId = workshop.job('x', '', workshop.modelOfZip(zip));
    await workshop.drain();
    expect(workshop.receipt('x', jobId).error?.kind).toBe('model');
    expect(existsSync(join(workshop.root, 'escaped'))).toBe(false);
  });

  test('a zip cannot contain a symbolic link', async () => {
    const link = { os: 3, attrs: (0o120777 << 16) >>> 0 };
    const zip = zipSync({ link: [strToU8('/etc/passwd'), link], 'model.json': strToU8(card()) });
    const jobId = workshop.job('x', '', workshop.modelOfZip(zip));
    await workshop.drain();
    expect(workshop.receipt('x', jobId).error?.message).toContain('symbolic link');
  });

  test('file modes are kept: a model’s programs must stay executable', async () => {
    const model = shell('echo > "$2/r"');
    workshop.job('x', '', model);
    await workshop.drain();
    const folder = join(workshop.root, 'models', 'model', model.digest);
    expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, 'model.json')).mode & 0o777).toBe(0o644);
  });

  test('unused models are removed: else deploys would fill the disk', async () => {
    for (const key of ['a', 'b', 'c', 'd']) {
      workshop.job(key, '', shell('echo > "$2/r"'));
      await workshop.drain();
    }
    expect(readdirSync(join(workshop.root, 'models', 'model'))).toHaveLength(2);
  });
});

describe('after a drain that was killed', () => {
  test('its model is killed before the job runs again: two models would compete for the machine', async () => {
    const left = startSleep(uniqueSleep());
    const gone = new Promise((resolve) => left.once('exit', (_code, signal) => resolve(signal)));
    const folder = leaveRecord(recordOf(left));
    await workshop.drain();
    expect(await gone).toBe('SIGKILL');
    expect(existsSync(folder)).toBe(false);
  });

  test.each([
    ['an earlier boot', { bootId: 'boot-0' }],
    ['an earlier process with the same id', { startTime: '1' }],
  ])('the record of %s kills no process', async (_name, wrong) => {
    const mark = uniqueSleep();
    const stranger = startSleep(mark);
    leaveRecord({ ...recordOf(stranger), ...wrong });
    await workshop.drain();
    expect(isRunning(mark)).toBe(true);
    expect(stranger.kill('SIGKILL')).toBe(true);
  });

  const startSleep = (command: string) => {
    const [program = '', ...args] = command.split(' ');
    return spawn(program, args, { detached: true, stdio: 'ignore' });
  };

  const recordOf = ({ pid }: ChildProcess) => ({
    pgid: pid,
    bootId: 'boot-1',
    startTime: existsSync('/proc/self/stat')
      ? readFileSync(`/proc/${pid!}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]
      : undefined,
  });

  function leaveRecord(record: object): string {
    const folder = join(workshop.root, 'jobs', 'f'.repeat(64));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'process.json'), JSON.stringify(record));
    return folder;
  }

  test('the process record exists while the program runs', async () => {
    const model = shell(
      'until [ -s "$2/../process.json" ]; do sleep 0.05; done; cp "$2/../process.json" "$2/"',
    );
    const jobId = workshop.job('x', '', model);
    await workshop.drain();
    const record = JSON.parse(
      workshop.s3.text(OUTPUT, workshop.receipt('x', jobId).outputs[0]!.key)!,
    ) as object;
    expect(record).toMatchObject({ pgid: expect.any(Number) as number, bootId: 'boot-1' });
  });
});

test('an interrupted drain kills its model at once and releases the claim', async () => {
  const child = uniqueSleep();
  const jobId = workshop.job('x', '', shell(`${child} & ${child}`));
  const stop = new AbortController();
  const drained = workshop.drain({ interrupt: stop.signal });
  for (let tries = 0; tries < 200 && !isRunning(child); tries += 1) await realClock.sleep(20);
  expect(isRunning(child)).toBe(true);
  stop.abort(new InterruptedError('the drain received SIGTERM'));
  expect(await drained).toBe('interrupted');
  expect(isRunning(child)).toBe(false);
  expect(JSON.parse(workshop.s3.text(CONTROL, claimKey(jobId))!)).toMatchObject({
    attempt: 1,
    released: 'the drain received SIGTERM',
  });
});

test('the heartbeat file is fresh while a drain runs', async () => {
  const before = Date.now();
  workshop.job('x', '', shell('echo > "$2/r"'));
  await workshop.drain();
  expect(statSync(join(workshop.root, 'run', 'heartbeat')).mtimeMs).toBeGreaterThanOrEqual(before - 1000);
});
