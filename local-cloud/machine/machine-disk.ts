import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BrokenError } from '../../scripts/console/exit';
import { cacheDirectory } from '../../scripts/tools/cache';
import type { Children } from '../../scripts/tools/children';
import { beginningOf } from '../../scripts/tools/process-beginning';

/** Where the machine finds the programs of the local cloud, which are mounted read-only. */
export const PROGRAMS = {
  node: '/usr/bin/node',
  agent: '/usr/lib/lamplighter-local/agent.cjs',
  aws: '/usr/lib/lamplighter-local/aws.cjs',
};

/** The agent's connection, a file that only root reads. It is new at each boot. */
export const AGENT_SETTINGS = '/etc/lamplighter-local/agent.json';

/** The host user's configuration of pip. */
export const PIP_CONFIGURATION = '/etc/pip-of-the-host.conf';

/** Debian 12 has the same version of systemd as Amazon Linux 2023: 252. */
const RECIPE = {
  suite: 'bookworm',
  packages: [
    ...[
      'systemd',
      'systemd-sysv',
      'dbus',
      'iproute2',
      'procps',
      'util-linux',
      'curl',
      'diffutils',
      'ca-certificates',
    ],
    // For models' programs, as on Amazon Linux 2023.
    ...['python3', 'python3-venv'],
  ],
  architecture: process.arch,
  files: {
    // The lines of the real agent's unit: packaging/linux/amazon-ssm-agent.service of github.com/aws/amazon-ssm-agent.
    '/etc/systemd/system/amazon-ssm-agent.service': `[Unit]
Description=SSM agent of the local cloud
After=network-online.target

[Service]
Type=simple
WorkingDirectory=/
ExecStart=${PROGRAMS.node} ${PROGRAMS.agent} ${AGENT_SETTINGS} /var/lib/amazon/ssm/orchestration
KillMode=process
Restart=on-failure
RestartSec=1s

[Install]
WantedBy=multi-user.target
`,
    '/usr/local/bin/aws': `#!/bin/sh\nexec ${PROGRAMS.node} ${PROGRAMS.aws} "$@"\n`,
    // These are mounted over.
    [PROGRAMS.node]: '',
    [PROGRAMS.agent]: '',
    [PROGRAMS.aws]: '',
    [AGENT_SETTINGS]: '',
    [PIP_CONFIGURATION]: '',
    // Empty: each machine makes its own.
    '/etc/machine-id': '',
  },
  links: {
    '/etc/systemd/system/multi-user.target.wants/amazon-ssm-agent.service':
      '/etc/systemd/system/amazon-ssm-agent.service',
  },
};

/** Milliseconds between two reports of progress. */
const REPORT_MS = 5_000;

const TIME_LIMIT_MS = 30 * 60_000;

export interface DiskOptions {
  readonly children: Children;
  /** Called with progress. */
  readonly say: (text: string) => void;
  /** @default the user's cache folder */
  readonly cache?: string;
}

/** Whether the cache has the disk that all systemd machines share. */
export function hasMachineDisk(cache = cacheDirectory()): boolean {
  return existsSync(pathIn(cache));
}

/**
 * The disk that all systemd machines share, which none changes. Makes it if the cache does not have it. Throws BrokenError if
 * debootstrap fails.
 */
export async function provideMachineDisk({
  children,
  say,
  cache = cacheDirectory(),
}: DiskOptions): Promise<string> {
  const path = pathIn(cache);
  mkdirSync(dirname(path), { recursive: true });
  clearUnfinished(dirname(path));
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}-${beginningOf(process.pid) ?? ''}-${randomUUID()}${UNFINISHED}`;
  try {
    await bootstrap(unfinished, children, say);
    finish(unfinished);
    // Another run may have made the same disk meanwhile.
    if (!existsSync(path)) renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return path;
}

function pathIn(cache: string): string {
  const hash = createHash('sha256').update(JSON.stringify(RECIPE)).digest('hex').slice(0, 16);
  return join(cache, 'machines', `${RECIPE.suite}-${hash}`);
}

const UNFINISHED = '.unfinished';

/** Removes the disks that killed runs did not finish. */
function clearUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, began] = /\.(\d+)-(\w+)-[0-9a-f-]{36}\.unfinished$/.exec(name) ?? [];
    if (pid === undefined || beginningOf(Number(pid)) === began) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** In namespaces of its own: debootstrap's mounts and processes end with it, however it ends. */
async function bootstrap(folder: string, children: Children, say: (text: string) => void): Promise<void> {
  say('a disk with Debian 12 is made for the machine (once, 2 to 5 minutes, about 300 MB)');
  const began = Date.now();
  let saidAt = began;
  let packages = 0;
  const onLine = (line: string) => {
    if (/^I: (Retrieving|Extracting|Unpacking|Configuring) /.test(line)) packages += 1;
    if (Date.now() - saidAt < REPORT_MS) return;
    saidAt = Date.now();
    const seconds = Math.round((saidAt - began) / 1000);
    say(`the machine's disk: ${line.replace(/^I: /, '')} (step ${packages}, after ${seconds} s)`);
  };
  const { code, tail } = await children.run(
    'unshare',
    [
      ...[
        '--mount',
        '--propagation',
        'private',
        '--pid',
        '--fork',
        '--kill-child=KILL',
        '--mount-proc',
        '--',
      ],
      ...['debootstrap', '--variant=minbase', `--include=${RECIPE.packages.join(',')}`, RECIPE.suite, folder],
    ],
    {
      onLine,
      timeLimitMs: TIME_LIMIT_MS,
      environment: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    },
  );
  if (code === 0) return;
  throw new BrokenError(
    `debootstrap could not make the machine's disk. It needs the Debian archive (http://deb.debian.org/debian), or the ` +
      `one that http_proxy leads to. Its last lines:\n${tail.split('\n').slice(-15).join('\n')}`,
  );
}

function finish(folder: string): void {
  const packages = join(folder, 'var', 'cache', 'apt', 'archives');
  for (const name of readdirSync(packages)) if (name.endsWith('.deb')) rmSync(join(packages, name));
  for (const [path, text] of Object.entries(RECIPE.files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }
  for (const [path, target] of Object.entries(RECIPE.links)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(target, join(folder, path));
  }
}
