import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { provideMachineDisk } from '../../../local-cloud/machine/machine-disk';
import { InterruptedError } from '../../../scripts/console/exit';
import { Children } from '../../../scripts/tools/children';
import { eventually } from '../../support/local-cloud';

/** Begins as debootstrap does, with a mount and processes of its own, and never ends by itself. */
const DEBOOTSTRAP = `#!/bin/bash
folder="\${@: -1}"
trap '' TERM INT
mkdir -p "$folder/proc"
mount -t tmpfs "machine-disk-test" "$folder/proc"
setsid bash -c 'trap "" TERM; while :; do mkdir -p "$1/more/$RANDOM"; done' debootstrap-child "$folder" >/dev/null 2>&1 &
while :; do sleep 1; done
`;

const canMakeNamespaces = process.getuid?.() === 0 && process.platform === 'linux';

(canMakeNamespaces ? test : test.skip)(
  'Ctrl-C while debootstrap makes the machine’s disk leaves no process, no mount and no folder',
  async () => {
    const cache = mkdtempSync(join(tmpdir(), 'machine disk '));
    const bin = join(cache, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'debootstrap'), DEBOOTSTRAP, { mode: 0o755 });
    const path = process.env.PATH ?? '';
    process.env.PATH = `${bin}:${path}`;
    const ctrlC = new AbortController();
    try {
      const made = provideMachineDisk({
        children: new Children(ctrlC.signal),
        say: () => undefined,
        cache,
      });
      const machines = join(cache, 'machines');
      const begun = () =>
        (existsSync(machines) &&
          readdirSync(machines).some((name) => existsSync(join(machines, name, 'more')))) ||
        undefined;
      await Promise.race([made, eventually('the beginning of debootstrap', begun)]);
      ctrlC.abort();
      await expect(made).rejects.toThrow(InterruptedError);
      expect(readdirSync(machines)).toEqual([]);
      expect(processesOf(basename(cache))).toEqual([]);
      expect(readFileSync('/proc/mounts', 'utf8')).not.toContain('machine-disk-test');
    } finally {
      process.env.PATH = path;
    }
  },
);

/** The processes that have a text in their command lines. */
function processesOf(mark: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const line = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
      return line.includes(mark) ? [`${pid} ${line.replaceAll('\0', ' ')}`] : [];
    } catch {
      // The process has ended.
      return [];
    }
  });
}
