import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../lifecycle/log';
import { PROBE_UID, TEMPORARY, accountOf, homeIn, modelUser, walls, type PlatformFacts } from './isolation';
import { makeFolder } from './make-folder';
import { modelEnvironment } from './model-environment';
import { startService, type ServiceStart } from './service';

/** The last line of the probe. */
const PROBE_END = 'end of the probe';

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
echo '${PROBE_END}'
`;

/** Time limit of the probe, in milliseconds. Without a fault it takes a fraction of a second. */
const PROBE_LIMIT_MS = 60_000;

/** The slice and the folder of signs of the probe. */
const SLICE = 'system.slice';
const SIGNS = '/run/lamplighter-walls';

export interface WallsOptions {
  /** The runner's root folder. */
  readonly root: string;
  readonly facts: PlatformFacts;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
}

/**
 * Runs a program behind the walls that models have, and looks at what it can reach. Returns whether all walls hold; the log
 * says which do not. Machines on which models have no walls are not looked at.
 */
export async function wallsHold({ root, facts, environment, log }: WallsOptions): Promise<boolean> {
  if (modelUser(facts, 0) === undefined) return true;
  const unit = `lamplighter-walls-${process.pid}.service`;
  const signs = join(SIGNS, unit);
  // Apart from the jobs and their slice: a drain that begins meanwhile clears these.
  const place = join(root, 'runner', `walls-${process.pid}`);
  const modelFolder = join(place, 'model');
  let text: string;
  try {
    for (const name of ['model', 'input', 'output', 'home', 'tmp']) await makeFolder(join(place, name));
    await writeFile(join(modelFolder, 'run'), PROBE.replaceAll('RUN', join(root, 'run')), { mode: 0o755 });
    const program = 'run';
    const limits = { maxProcesses: 100, network: 'internet' } as const;
    const walled = { program, uid: PROBE_UID, root, modelFolder, jobFolder: place, signs, limits } as const;
    text = await outputOf({
      unit,
      slice: SLICE,
      signs,
      properties: walls({ ...walled, devices: [] }),
      command: [join(modelFolder, 'run')],
      environment: modelEnvironment(environment, { home: homeIn(root), temporary: TEMPORARY }),
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  const faults = faultsIn(text, PROBE_UID);
  for (const fault of faults) log.error(fault);
  if (text.includes(PROBE_END) && !text.includes('control-groups cgroup2fs')) {
    log.warn('control groups of version 1: one of the two walls before the metadata service is missing');
  }
  return faults.length === 0;
}

/** What the probe prints, until its end or its time limit. */
async function outputOf(start: Omit<ServiceStart, 'output'>): Promise<string> {
  const chunks: Buffer[] = [];
  const keep = (chunk: Buffer) => void chunks.push(chunk);
  const program = await startService({ ...start, output: { stdout: keep, stderr: keep } });
  await Promise.race([program.ended, sleep(PROBE_LIMIT_MS)]);
  await program.killAll();
  return Buffer.concat(chunks).toString('utf8');
}

/** What is wrong with the walls, by what the probe has printed. */
export function faultsIn(text: string, uid: number): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const valueOf = (fact: string) => lines.find((line) => line.startsWith(`${fact} `))?.slice(fact.length + 1);
  if (!lines.includes(PROBE_END)) {
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
  if (valueOf('account') !== accountOf(uid)) {
    faults.push(
      `user ${uid} is ${valueOf('account')} and not ${accountOf(uid)}: something else has its account`,
    );
  }
  if (valueOf('no-new-privs') !== '1') faults.push('a model can gain privileges: no_new_privs is not set');
  if (!/^0+$/.test(valueOf('capabilities') ?? '')) faults.push('a model can gain capabilities');
  if (lines.some((line) => line.startsWith('sees '))) faults.push('a model sees the files of the drain');
  if (lines.includes('writes anywhere')) faults.push('a model can write outside of its own folders');
  return faults;
}
