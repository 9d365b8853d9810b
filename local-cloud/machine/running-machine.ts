import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { initOfMachineIn } from './keeper';

/** The first process of the systemd machine that runs in a local cloud's folder. Undefined if there is none. */
export function runningMachine(directory: string): number | undefined {
  const instances = join(directory, 'instances');
  if (!existsSync(instances)) return undefined;
  return readdirSync(instances)
    .map((name) => initOfMachineIn(join(instances, name)))
    .find((init) => init !== undefined);
}
