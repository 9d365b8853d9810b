import { billedMs } from './billing';
import { clairvoyantBilledMs, type KnownJob } from './clairvoyant';
import type { HistoryResult } from './history-result';
import { runTracked } from './current-seed';
import { drawWorkload, type Workload, type WorkloadKind } from './workloads';

/** What a child process is told to measure: one kind, one workload a seed. */
export interface EconomyTask {
  readonly workload: WorkloadKind;
  readonly firstSeed: number;
  readonly workloads: number;
  /** The tail of `ours, with a tail`, in seconds. */
  readonly lingerSeconds: number;
}

/** What EC2 bills for one workload under each design, in milliseconds. */
export interface Bills {
  readonly seed: number;
  readonly jobs: number;
  /** From the window's beginning to its end, or to the end of the last run if that is later. */
  readonly alwaysOnMs: number;
  readonly plainChainMs: number;
  /** Uploads that never got a result from the plain chain; its bill is for the others. */
  readonly plainChainLost: number;
  readonly stopAtOnceMs: number;
  readonly withTailMs: number;
  readonly clairvoyantMs: number;
}

/** A plain chain that leaves the instance on is billed until so long after the last upload. */
const FORGOTTEN_MS = 3_600_000;

export async function runEconomy(task: EconomyTask): Promise<Bills[]> {
  // Production code makes errors by the thousand here, and nobody reads their stacks.
  Error.stackTraceLimit = 0;
  const bills: Bills[] = [];
  for (let index = 0; index < task.workloads; index += 1) {
    bills.push(await billsOf(drawWorkload(task.workload, task.firstSeed + index), task.lingerSeconds));
    // Lets finalizers and messages have their turn.
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  return bills;
}

/** One workload under each design: the same uploads, runs and starts. Throws if ours breaks one of its promises. */
async function billsOf(workload: Workload, lingerSeconds: number): Promise<Bills> {
  const withTail = await ours(workload, lingerSeconds);
  const arrived = withRealArrivals(workload, withTail.arrivals);
  const stopAtOnce = await ours(arrived, 0);
  const plainChain = await runTracked({ seed: workload.seed, workload: arrived, plainChain: true });
  const lastArrivalMs = arrived.jobs.at(-1)?.arrivesMs ?? 0;
  const known = arrived.jobs.map(({ arrivesMs, ...job }): KnownJob => ({ arrivedMs: arrivesMs, ...job }));
  return {
    seed: workload.seed,
    jobs: arrived.jobs.length,
    alwaysOnMs: Math.max(workload.windowMs, stopAtOnce.running.at(-1)?.to ?? 0),
    plainChainMs: billedMs(plainChain.running, lastArrivalMs + FORGOTTEN_MS),
    plainChainLost: plainChain.lost,
    stopAtOnceMs: billedMs(stopAtOnce.running),
    withTailMs: billedMs(withTail.running),
    clairvoyantMs: clairvoyantBilledMs(known),
  };
}

async function ours(workload: Workload, lingerSeconds: number): Promise<HistoryResult> {
  const { kind, seed } = workload;
  const result = await runTracked({ seed, workload, lingerSeconds });
  if (!result.violation && result.arrivals.length === workload.jobs.length) return result;
  const found = result.violation
    ? `${result.violation.check}: ${result.violation.detail}`
    : 'uploads are missing';
  throw new Error(`workload "${kind}", seed ${seed}, a tail of ${lingerSeconds} s: ${found}`);
}

/** The workload with the moments at which uploads really came: a chase is over then, and comes to others as it came to ours. */
function withRealArrivals(workload: Workload, arrivals: readonly number[]): Workload {
  const jobs = workload.jobs.map((job, index) => ({ ...job, arrivesMs: arrivals[index] ?? job.arrivesMs }));
  return { ...workload, jobs, chaseMs: undefined };
}
