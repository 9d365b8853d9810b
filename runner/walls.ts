import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lifecycle/log';
import type { ModelRef } from '../lifecycle/model';
import { modelUser, type PlatformFacts } from './isolation';
import { JobFolderOnDisk } from './job-folder';
import { makeFolder } from './make-folder';

/**
 * A model that attacks its walls in the simplest way. Each line that it prints is a fact. A connection to the metadata service
 * is refused at once, or it gets no answer.
 */
const PROBE = `#!/bin/bash
printf 'user %s\\n' "$(id -u)"
printf 'account %s\\n' "$(id -un)"
sed -n 's/^NoNewPrivs:\\t/no-new-privs /p; s/^CapBnd:\\t/capabilities /p' /proc/self/status
printf 'control-groups %s\\n' "$(stat -f -c %T /sys/fs/cgroup)"
if ls RUN >/dev/null 2>&1; then echo 'sees RUN'; fi
if [ -w /etc ] || touch "$PWD/probe" 2>/dev/null; then echo 'writes anywhere'; fi
for address in 169.254.169.254 fd00:ec2::254; do
  { ! timeout 2 bash -c "exec 3<>/dev/tcp/$address/80" 2>/dev/null || echo "reaches $address"; } &
done
wait
echo 'end of the probe'
`;

export interface WallsOptions {
  /** The runner's root folder. */
  readonly root: string;
  readonly facts: PlatformFacts;
  readonly bootId: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
}

/**
 * Runs a program behind the walls that models have, and looks at what it can reach. Returns whether all walls hold; the log
 * says which do not. Machines on which models have no walls are not looked at.
 */
export async function wallsHold({ root, facts, bootId, environment, log }: WallsOptions): Promise<boolean> {
  const uid = modelUser(facts, 0);
  if (uid === undefined) return true;
  // A drain, or another look at the walls, may run meanwhile: it has other folders and units.
  const jobId = `walls-${process.pid}`;
  const modelFolder = join(root, 'runner', jobId);
  await makeFolder(modelFolder);
  await writeFile(join(modelFolder, 'run'), PROBE.replaceAll('RUN', join(root, 'run')), { mode: 0o755 });
  const modelPath = () => modelFolder;
  const options = { root, jobId, attempt: 1, bootId, uid, environment, modelPath };
  const folder = await JobFolderOnDisk.make(options);
  const chunks: Buffer[] = [];
  const keep = (chunk: Buffer) => void chunks.push(chunk);
  try {
    const program = await folder.start({} as ModelRef, 'run', {
      output: { stdout: keep, stderr: keep },
      limits: { maxProcesses: 100, network: 'internet' },
    });
    await program.ended;
    await program.killAll();
  } finally {
    await folder.remove();
    await rm(modelFolder, { recursive: true, force: true });
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const faults = faultsIn(text, uid);
  for (const fault of faults) log.error(fault);
  if (!text.includes('control-groups cgroup2fs')) {
    log.warn('control groups of version 1: one of the two walls before the metadata service is missing');
  }
  return faults.length === 0;
}

/** What is wrong with the walls, by what the probe has printed. */
export function faultsIn(text: string, uid: number): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const valueOf = (fact: string) => lines.find((line) => line.startsWith(`${fact} `))?.slice(fact.length + 1);
  if (!lines.includes('end of the probe')) {
    const why = lines.filter((line) => line !== '').at(-1) ?? 'it printed nothing';
    return [`a program behind the walls of models does not run: ${why}`];
  }
  const faults = [];
  for (const line of lines.filter((each) => each.startsWith('reaches '))) {
    faults.push(
      `a model ${line}, EC2's metadata service, which gives it the role's credentials; see the rules of \`ip rule\``,
    );
  }
  if (valueOf('user') !== String(uid)) faults.push(`a model runs as user ${valueOf('user')} and not ${uid}`);
  if (valueOf('account') === undefined || valueOf('account') === '') {
    faults.push(`user ${uid} has no account; see \`systemd-sysusers lamplighter.conf\``);
  }
  if (valueOf('no-new-privs') !== '1') faults.push('a model can gain privileges: no_new_privs is not set');
  if (!/^0+$/.test(valueOf('capabilities') ?? '')) faults.push('a model can gain capabilities');
  if (lines.some((line) => line.startsWith('sees '))) faults.push('a model sees the files of the drain');
  if (lines.includes('writes anywhere')) faults.push('a model can write outside of its own folders');
  return faults;
}
