import { type SendTask, withChild } from './children';
import type { Bills, EconomyTask } from './economy';
import { spansOf } from './spans';
import { table } from './table';
import { WORKLOADS, WORKLOAD_KINDS, type WorkloadKind } from './workloads';

interface EconomyOptions {
  /** Number of workloads of all kinds together. */
  readonly workloads: number;
  readonly seed: number;
  readonly workers: number;
  readonly lingerSeconds: number;
  /** Only kinds whose name contains this text. @default all */
  readonly only?: string;
}

/** Number of workloads of one task. It is small, so that all processes end at about the same time. */
const WORKLOADS_PER_TASK = 200;

/** Maximum bill of any workload with the tail, as a multiple of the clairvoyant's. */
const WORST_RATIO = 2;

/** Maximum bill without a tail, for the kinds of which docs/ECONOMY.md claims one: few long runs a day. */
const WORST_RATIO_WITHOUT_TAIL: Partial<Record<WorkloadKind, number>> = { original: 1.02 };

/**
 * Measures every kind of workload in several processes, and prints the tables. Returns false if a bound does not
 * hold.
 */
export async function reportEconomy(
  bundle: string,
  { workloads, seed, workers, lingerSeconds, only = '' }: EconomyOptions,
  print: (text: string) => void,
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
  print(
    table(
      ['workload', 'how many', 'what it is'],
      kinds.map((kind) => [kind, bills.get(kind)?.length ?? 0, WORKLOADS[kind][1]]),
    ),
  );
  print(`\n${table(HEAD, [...bills].map(row))}`);
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

const HEAD = [
  'workload',
  'always on h',
  'plain chain h',
  'of uploads lost',
  'ours, no tail h',
  'ours h',
  'clairvoyant h',
  'no tail ×',
  'no tail, worst',
  'ours ×',
  'ours, worst',
];

function row([kind, bills]: [WorkloadKind, Bills[]]): (string | number)[] {
  const hours = (bill: (bills: Bills) => number) => (sum(bills, bill) / 3_600_000).toFixed(1);
  const lost = sum(bills, ({ plainChainLost }) => plainChainLost);
  return [
    kind,
    hours(({ alwaysOnMs }) => alwaysOnMs),
    hours(({ plainChainMs }) => plainChainMs),
    `${((100 * lost) / sum(bills, ({ jobs }) => jobs)).toFixed(1)} %`,
    hours(withoutTail),
    hours(withTail),
    hours(({ clairvoyantMs }) => clairvoyantMs),
    medianOf(bills, withoutTail).toFixed(3),
    ratioWithSeed(worstOf(bills, withoutTail)),
    medianOf(bills, withTail).toFixed(3),
    ratioWithSeed(worstOf(bills, withTail)),
  ];
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
