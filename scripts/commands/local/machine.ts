import {
  type DiskOptions,
  hasMachineDisk,
  provideMachineDisk,
} from '../../../local-cloud/machine/machine-disk';
import { factsOfHost, needSystemdMachine } from '../../../local-cloud/machine/systemd-needs';

/** What plays the instance. */
export type MachineKind = 'sandbox' | 'systemd';

/**
 * The disk of systemd machines, which is made if needed. Undefined for a sandbox. Throws MissingError if systemd machines cannot
 * run on this host.
 */
export async function machineDisk(kind: MachineKind, options: DiskOptions): Promise<string | undefined> {
  if (kind === 'sandbox') return undefined;
  needSystemdMachine(factsOfHost(hasMachineDisk()));
  return provideMachineDisk(options);
}
