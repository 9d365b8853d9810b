import { median, type Benchmark, type Measured } from './bench';

/** What one run of a benchmark has measured, as `bench/results/<name>.json` holds it. */
export interface Result {
  readonly name: string;
  readonly description: string;
  /** What it was measured on: node's version, cores and the processor's name. */
  readonly machine: string;
  readonly lines: readonly Measured[];
}

export function resultOf(
  { name, description }: Benchmark,
  lines: readonly Measured[],
  machine: string,
): Result {
  return { name, description, machine, lines };
}

/** A result as text with a table in Markdown: what `npm run bench` prints and docs/BENCHMARKS.md holds. */
export function rendered(result: Result): string {
  const medians = new Map(result.lines.map(({ name, samples }) => [name, median(samples)]));
  const rows = result.lines.map((line) => {
    const mid = medians.get(line.name) ?? NaN;
    const ratio = line.beside === undefined ? undefined : mid / (medians.get(line.beside) ?? NaN);
    return [
      line.name,
      `${figure(mid)} ${line.unit}`,
      `${figure(Math.min(...line.samples))}–${figure(Math.max(...line.samples))}`,
      ratio === undefined ? '' : `${ratio.toFixed(2)} × ${line.beside}`,
      goal(line, mid, ratio),
    ];
  });
  const head = ['', 'median', 'least–most', 'beside', 'goal'];
  return [
    `## ${result.name}`,
    '',
    `${result.description} \`npm run bench -- ${result.name}\`; ${result.machine}.`,
    '',
    aligned([head, head.map(() => ''), ...rows]),
    '',
  ].join('\n');
}

function goal(line: Measured, mid: number, ratio = NaN): string {
  if (!line.goal) return '';
  const [most, value, text] =
    'most' in line.goal
      ? [line.goal.most, mid, `≤ ${figure(line.goal.most)} ${line.unit}`]
      : [line.goal.mostRatio, ratio, `≤ ${line.goal.mostRatio} ×`];
  return `${text}: ${value <= most ? 'met' : 'missed'}`;
}

/** Three digits that count, or all digits before the point. */
function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return value.toLocaleString('en-US', digits);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_name, column) => Math.max(3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[], index: number) => {
    const filled = widths.map((width, column) =>
      index === 1 ? '-'.repeat(width) : (cells[column] ?? '').padEnd(width),
    );
    return `| ${filled.join(' | ')} |`;
  };
  return rows.map(line).join('\n');
}
