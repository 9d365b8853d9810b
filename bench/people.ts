import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../scripts/tools/project';
import type { Benchmark, Measured } from './bench';

const LAMPLIGHTER = join(PACKAGE_FOLDER, 'bin', 'lamplighter.js');
const FLOOR = 'bare node';

interface Subject {
  readonly name: string;
  /** Arguments of node. */
  readonly arguments: readonly string[];
  /** The goal of its CPU time: how often bare node's, or milliseconds. A busy machine lengthens the wall time only. */
  readonly goal?: Measured['goal'];
}

const SUBJECTS: readonly Subject[] = [
  { name: FLOOR, arguments: ['-e', '0'] },
  { name: 'lamplighter --help', arguments: [LAMPLIGHTER, '--help'], goal: { mostRatio: 2 } },
  { name: 'completion', arguments: [LAMPLIGHTER, 'complete', '--', 'sta'], goal: { mostRatio: 2 } },
  {
    name: 'lamplighter estimate',
    arguments: [LAMPLIGHTER, 'estimate', '--jobs-per-day', '4', '--minutes', '15'],
  },
  { name: 'npm run synth', arguments: ['--require', 'tsx/cjs', 'main.ts'], goal: { most: 2_000 } },
];

/** One process: its time on the wall and on the processors, in milliseconds. */
interface Taken {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Each process runs alone. A first, uncounted round fills the caches. */
export const people: Benchmark = {
  name: 'people',
  description:
    'What people wait for, beside bare node: user and system time of the process and its children, and wall time.',
  rounds: 9,
  async measure(rounds, progress) {
    const taken = new Map(SUBJECTS.map((subject) => [subject, [] as Taken[]]));
    const outputFolder = await mkdtemp(join(tmpdir(), 'lamplighter people '));
    try {
      for (let round = 0; round <= rounds; round += 1) {
        progress(`round ${round} of ${rounds}`);
        for (const [subject, samples] of taken) {
          const one = await run(subject.arguments, outputFolder);
          if (round > 0) samples.push(one);
        }
      }
    } finally {
      await rm(outputFolder, { recursive: true, force: true });
    }
    return [...taken].flatMap(([subject, samples]) => lines(subject, samples));
  },
};

/** `bash` prints the user and system time of what it ran. */
const TIMED = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>/dev/null';

async function run(args: readonly string[], outputFolder: string): Promise<Taken> {
  const began = performance.now();
  const child = spawn('bash', ['-c', TIMED, 'bash', process.execPath, ...args], {
    cwd: PACKAGE_FOLDER,
    env: { ...process.env, CDKTF_OUTDIR: outputFolder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const text = Buffer.concat(chunks).toString();
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(code)}`);
  const [user = NaN, system = NaN] = text.trim().split(' ').map(Number);
  return { wallMs: performance.now() - began, cpuMs: (user + system) * 1000 };
}

function lines({ name, goal }: Subject, samples: readonly Taken[]): Measured[] {
  const beside = (what: string) => (name === FLOOR ? {} : { beside: `${FLOOR}: ${what}` });
  const [cpu, wall] = [samples.map(({ cpuMs }) => cpuMs), samples.map(({ wallMs }) => wallMs)];
  return [
    { name: `${name}: CPU`, unit: 'ms', samples: cpu, ...beside('CPU'), ...(goal && { goal }) },
    { name: `${name}: wall`, unit: 'ms', samples: wall, ...beside('wall') },
  ];
}
