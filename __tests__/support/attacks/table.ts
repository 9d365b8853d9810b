import { allFamilies } from './families';
import type { Control } from './try';

/** A row of the suite's table. */
export interface Row {
  readonly family: string;
  readonly name: string;
  readonly wall: string;
  readonly control: string;
  readonly result: string;
}

/** Where the same command gets through. */
export function controlText(control: Control): string {
  if (control === 'root') return 'root';
  if (control === 'bare') return 'the model’s user, without a service';
  if (control.includes('User')) return 'root, behind the other walls';
  return `without ${control.join(', ')}`;
}

/** The rows of a run in which everything held. */
export function expectedRows(): Row[] {
  return allFamilies.flatMap(({ name: family, tries }) =>
    tries.map(({ name, wall, control }) => ({
      ...{ family, name, wall },
      control: controlText(control),
      result: 'held',
    })),
  );
}

/** One table for each family. */
export function markdown(rows: readonly Row[]): string {
  const families = [...new Set(rows.map(({ family }) => family))];
  return families
    .map((family) =>
      tableOf(
        family,
        rows.filter((row) => row.family === family),
      ),
    )
    .join('\n\n');
}

function tableOf(family: string, rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line([`${family}: a model …`, 'what stops it', 'who gets through', 'result']),
    line(['---', '---', '---', '---']),
    ...rows.map(({ name, wall, control, result }) => line([name, wall, control, result])),
  ].join('\n');
}
