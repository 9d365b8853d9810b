import { billedMs } from './billing';
import { clairvoyantBilledMs, type KnownJob } from './clairvoyant';
import { runHistory } from './history';
import type { HistoryResult } from './history-result';
import { drawWorkload, type Workload, type WorkloadKind } from './workloads';

/** The workloads that a child process measures: one kind, one workload per seed. */
export interface EconomyTask {
  readonly workload: WorkloadKind;
  readonly firstSeed: number;
  readonly workloads: number;
  /** The tail of our design, in seconds. */
  readonly lingerSeconds: number;
}

/** The billed time of one workload under each design, in milliseconds. */
export interface Bills {
  readonly seed: number;
  readonly jobs: number;
  /** From the beginning of the window to its end, or to the end of the last run if that is later. */
  readonly alwaysOnMs: number;
  readonly plainChainMs: number;
  /** Uploads without a result from the plain chain. `plainChainMs` contains the bill of the others only. */
  readonly plainChainLost: number;
  readonly stopAtOnceMs: number;
  readonly withTailMs: number;
  readonly clairvoyantMs: number;
}

/** Time after the last upload until which the plain chain is billed if it leaves the instance on. */
const FORGOTTEN_MS = 3_600_000;

export async function runEconomy(task: EconomyTask): Promise<Bills[]> {
  // Production code creates thousands of errors here, and no code reads their stacks.
  Error.stackTraceLimit = 0;
  const bills: Bills[] = [];
  for (let index = 0; index < task.workloads; index += 1) {
    bills.push(await billsOf(drawWorkload(task.workload, task.firstSeed + index), task.lingerSeconds));
    // Finalizers and messages run now.
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  return bills;
}

/** Measures one workload under each design, with the same uploads, runs and starts. Throws for a violation of ours. */
async function billsOf(workload: Workload, lingerSeconds: number): Promise<Bills> {
  const withTail = await measureOurs(workload, lingerSeconds);
  const arrived = withRealArrivals(workload, withTail.arrivals);
  const stopAtOnce = await measureOurs(arrived, 0);
  const plainChain = await runHistory({ seed: workload.seed, workload: arrived, plainChain: true });
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

async function measureOurs(workload: Workload, lingerSeconds: number): Promise<HistoryResult> {
  const { kind, seed } = workload;
  const result = await runHistory({ seed, workload, lingerSeconds });
  const { violation, arrivals } = result;
  if (!violation && arrivals.length === workload.jobs.length) return result;
  const found = violation ? `${violation.check}: ${violation.detail}` : 'uploads are missing';
  throw new Error(`workload "${kind}", seed ${seed}, a tail of ${lingerSeconds} s: ${found}`);
}

/** The workload with the real arrivals of our history. In a chase, the other designs get the same arrivals as ours. */
function withRealArrivals(workload: Workload, arrivals: readonly number[]): Workload {
  const jobs = workload.jobs.map((job, index) => ({ ...job, arrivesMs: arrivals[index] ?? job.arrivesMs }));
  return { ...workload, jobs, chaseMs: undefined };
}
