import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../scripts/tools/bundle-program';
import { PACKAGE_FOLDER } from '../scripts/tools/project';
import { type Benchmark, type Measured } from './bench';

/** Uploads of a round. */
const UPLOADS = 200;
const SAMPLE = join(PACKAGE_FOLDER, 'models', 'breast-cancer', 'samples', 'patients.csv');
/** Calls of a job that the rules need, counted in the code. */
const NEEDED = 14;
/** Limit of a round, in milliseconds. */
const LIMIT_MS = 20 * 60_000;
/** Milliseconds in which an interrupted local cloud takes everything down. */
const END_MS = 60_000;

const RUN = 'run of the model';
const CALLERS = ['terminal', 'functions', 'machine', 'local cloud'] as const;

/** One round: what moto was asked between the uploads and the instance's stop, and when each job's model ran. */
interface Round {
  readonly counts: Readonly<Record<string, number>>;
  readonly runs: readonly { readonly claimedMs: number; readonly fromMs: number; readonly toMs: number }[];
}

/** What a line of `lamplighter local --json` says, as far as it matters here. */
interface Fact {
  readonly event: string;
  readonly kind?: string;
  readonly state?: string;
  readonly receipt?: { readonly claimedAt?: string; readonly startedAt?: string; readonly endedAt: string };
}

/**
 * Runs `lamplighter local` in a folder of its own, uploads the sample many times, and counts the requests that its cloud sends
 * to moto until the instance has stopped. Terraform's requests do not count.
 */
export const calls: Benchmark = {
  name: 'calls',
  description: `Requests to moto for each of ${UPLOADS} uploads to \`lamplighter local\`, by caller, and the machine's time between two runs of the model.`,
  rounds: 1,
  async measure(rounds, progress) {
    const measured: Round[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'lamplighter calls '));
    try {
      for (let round = 0; round < rounds; round += 1) measured.push(await measureRound(folder, progress));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    for (const { counts } of measured)
      for (const [name, count] of Object.entries(counts).sort((a, b) => b[1] - a[1]))
        progress(`${(count / UPLOADS).toFixed(2).padStart(8)} ${name}`);
    return lines(measured);
  },
};

async function measureRound(folder: string, progress: (line: string) => void): Promise<Round> {
  const counts = join(folder, 'calls.json');
  const hook = await bundleProgram(join(__dirname, 'moto-calls.ts'), folder);
  const uploads = await makeUploads(join(folder, 'uploads'));
  const program = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
  const options = ['--json', '--timings', 'people'];
  const child = spawn(process.execPath, ['--require', hook, program, 'local', ...uploads, ...options], {
    env: {
      ...process.env,
      LAMPLIGHTER_CALLS: counts,
      LAMPLIGHTER_LOCAL_DIRECTORY: join(folder, 'local cloud'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const limit = setTimeout(() => child.kill('SIGINT'), LIMIT_MS);
  try {
    const runs: Round['runs'][number][] = [];
    for await (const line of createInterface(child.stdout)) {
      const fact = JSON.parse(line) as Fact;
      if (fact.event === 'ready') child.kill('SIGUSR2');
      if (fact.event === 'ended' && fact.receipt) {
        const [claimedMs = NaN, fromMs = NaN, toMs = NaN] = timesOf(fact.receipt);
        runs.push({ claimedMs, fromMs, toMs });
        if (runs.length % 20 === 0) progress(`${runs.length} of ${UPLOADS} jobs have ended`);
      }
      const isStopped = fact.event === 'happening' && fact.kind === 'instance' && fact.state === 'stopped';
      if (runs.length >= UPLOADS && isStopped) break;
    }
    child.kill('SIGINT');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
    if (runs.length < UPLOADS) throw new Error(`only ${runs.length} of ${UPLOADS} jobs have ended`);
    return { runs, counts: JSON.parse(await readFile(counts, 'utf8')) as Round['counts'] };
  } finally {
    clearTimeout(limit);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      const killer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(killer);
    }
  }
}

const timesOf = ({ claimedAt = '', startedAt = '', endedAt }: NonNullable<Fact['receipt']>) =>
  [claimedAt, startedAt, endedAt].map((time) => Date.parse(time));

async function makeUploads(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files = Array.from({ length: UPLOADS }, (_, number) => join(folder, `${number}.csv`));
  for (const file of files) await copyFile(SAMPLE, file);
  return files;
}

function lines(rounds: readonly Round[]): Measured[] {
  const perJob = ({ counts }: Round, caller = '') =>
    Object.entries(counts)
      .filter(([name]) => name.startsWith(caller))
      .reduce((sum, [, count]) => sum + count, 0) / UPLOADS;
  const all = rounds.map((round) => perJob(round));
  return [
    { name: 'calls that the rules need', unit: 'calls/job', samples: [NEEDED] },
    { name: 'all calls', unit: 'calls/job', samples: all, beside: 'calls that the rules need' },
    ...CALLERS.map((caller) => ({
      name: `of the ${caller}`,
      unit: 'calls/job',
      samples: rounds.map((round) => perJob(round, `${caller}: `)),
    })),
    pause(RUN, rounds, ({ fromMs, toMs }) => toMs - fromMs),
    pause('from a run to the next claim', rounds, ({ claimedMs }, last) => claimedMs - (last?.toMs ?? NaN)),
    pause('from the claim to the run', rounds, ({ claimedMs, fromMs }) => fromMs - claimedMs),
  ];
}

/** A line of seconds, one sample for each run but the first. */
function pause(
  name: string,
  rounds: readonly Round[],
  milliseconds: (run: Round['runs'][number], last: Round['runs'][number] | undefined) => number,
): Measured {
  const samples = rounds.flatMap(({ runs }) => {
    const sorted = [...runs].sort((a, b) => a.fromMs - b.fromMs);
    return sorted.slice(1).map((run, index) => milliseconds(run, sorted[index]) / 1000);
  });
  return { name, unit: 's', samples, ...(name === RUN ? {} : { beside: RUN }) };
}
