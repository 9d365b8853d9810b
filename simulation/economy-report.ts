import { type SendTask, withChild } from './children';
import type { Options, Output } from './command-line';
import type { Bills, EconomyTask } from './economy';
import { spansOf } from './side-by-side';
import { table } from './table';
import { WORKLOADS, WORKLOAD_KINDS, type WorkloadKind } from './workloads';

/** Number of workloads of one task. It is small, so that all processes end at about the same time. */
const WORKLOADS_PER_TASK = 200;

/** Maximum bill of any workload with the tail, as a multiple of the clairvoyant's. */
const WORST_RATIO = 2;

/** Maximum bill without a tail, for the kinds of which docs/ECONOMY.md claims one: few long runs a day. */
const WORST_RATIO_WITHOUT_TAIL: Partial<Record<WorkloadKind, number>> = { original: 1.02 };

/** Measures every kind of workload in several processes. Prints tables. Returns false if a bound does not hold. */
export async function reportEconomy(
  bundle: string,
  { workloads, seed, workers, linger: lingerSeconds, only = '' }: Options,
  { print }: Output,
): Promise<boolean> {
  const began = process.hrtime.bigint();
  const kinds = WORKLOAD_KINDS.filter((kind) => kind.includes(only));
  const bills = new Map<WorkloadKind, Bills[]>(kinds.map((kind) => [kind, []]));
  const shares = kinds.reduce((sum, kind) => sum + WORKLOADS[kind][0], 0);
  const tasks = kinds.flatMap((workload): EconomyTask[] => {
    const share = Math.ceil((workloads * WORKLOADS[workload][0]) / shares);
    return spansOf(seed, share, WORKLOADS_PER_TASK).map(({ firstSeed, count }) => {
      return { workload, firstSeed, workloads: count, lingerSeconds };
    });
  });
  const oneProcess = async (sendTask: SendTask) => {
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      bills.get(task.workload)?.push(...(await sendTask<Bills[]>({ kind: 'economy', task })));
    }
  };
  await Promise.all(Array.from({ length: workers }, () => withChild(bundle, oneProcess)));

  const all = [...bills.values()].flat();
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const counts = [...bills].map(([kind, { length }]) => [kind, length, WORKLOADS[kind][1]]);
  print(table(['workload', 'how many', 'what it is'], counts));
  const rows = [...bills].map(([kind, ofKind]) => [kind, ...COLUMNS.map(([, cell]) => cell(ofKind))]);
  print(`\n${table(['workload', ...COLUMNS.map(([head]) => head)], rows)}`);
  print(`
h: billed hours of all workloads of the kind; ×: ratio to the clairvoyant's, median and worst (seed); the tail is ${lingerSeconds} s
${all.length.toLocaleString('en-US')} workloads from seed ${seed}, ${sum(all, ({ jobs }) => jobs).toLocaleString('en-US')} uploads, ${seconds.toFixed(0)} s in ${workers} process(es)`);

  const broken = brokenBounds(bills);
  for (const bound of broken) print(`\nA BOUND IS BROKEN: ${bound}`);
  return broken.length === 0;
}

/** One sentence for each bound that does not hold: the kind, the worst ratio with its seed, and the bound. */
export function brokenBounds(bills: ReadonlyMap<WorkloadKind, readonly Bills[]>): string[] {
  return [...bills].flatMap(([kind, all]) => {
    const bounds = [
      ['with the tail', worstOf(all, withTail), WORST_RATIO],
      ['without a tail', worstOf(all, withoutTail), WORST_RATIO_WITHOUT_TAIL[kind] ?? Infinity],
    ] as const;
    return bounds
      .filter(([, worst, allowed]) => worst.ratio > allowed)
      .map(([name, worst, allowed]) => `"${kind}" ${name} ${ratioWithSeed(worst)}; allowed is ${allowed}`);
  });
}

const withTail = ({ withTailMs }: Bills) => withTailMs;
const withoutTail = ({ stopAtOnceMs }: Bills) => stopAtOnceMs;

const hours = (bills: readonly Bills[], bill: (bills: Bills) => number) =>
  (sum(bills, bill) / 3_600_000).toFixed(1);

/** The columns of the table, after the kind. */
const COLUMNS: readonly (readonly [head: string, cell: (bills: readonly Bills[]) => string])[] = [
  ['always on h', (bills) => hours(bills, ({ alwaysOnMs }) => alwaysOnMs)],
  ['plain chain h', (bills) => hours(bills, ({ plainChainMs }) => plainChainMs)],
  ['of uploads lost', shareLost],
  ['ours, no tail h', (bills) => hours(bills, withoutTail)],
  ['ours h', (bills) => hours(bills, withTail)],
  ['clairvoyant h', (bills) => hours(bills, ({ clairvoyantMs }) => clairvoyantMs)],
  ['no tail ×', (bills) => medianOf(bills, withoutTail).toFixed(3)],
  ['no tail, worst', (bills) => ratioWithSeed(worstOf(bills, withoutTail))],
  ['ours ×', (bills) => medianOf(bills, withTail).toFixed(3)],
  ['ours, worst', (bills) => ratioWithSeed(worstOf(bills, withTail))],
];

function shareLost(bills: readonly Bills[]): string {
  const lost = sum(bills, ({ plainChainLost }) => plainChainLost);
  return `${((100 * lost) / sum(bills, ({ jobs }) => jobs)).toFixed(1)} %`;
}

interface Worst {
  readonly ratio: number;
  readonly seed: number;
}

/** The worst ratio. Of equal ratios the lowest seed counts, so that the number of processes does not matter. */
function worstOf(bills: readonly Bills[], bill: (bills: Bills) => number): Worst {
  const worst = { ratio: 0, seed: 0 };
  for (const one of bills) {
    const ratio = bill(one) / one.clairvoyantMs;
    if (ratio > worst.ratio || (ratio === worst.ratio && one.seed < worst.seed)) {
      Object.assign(worst, { ratio, seed: one.seed });
    }
  }
  return worst;
}

function medianOf(bills: readonly Bills[], bill: (bills: Bills) => number): number {
  const ratios = bills.map((one) => bill(one) / one.clairvoyantMs).sort((a, b) => a - b);
  return ratios[ratios.length >> 1] ?? 0;
}

function ratioWithSeed({ ratio, seed }: Worst): string {
  return `${ratio.toFixed(3)} (${seed})`;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}
