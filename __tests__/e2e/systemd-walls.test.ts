import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Receipt } from '../../lifecycle/records';
import { AGENT_PORT, CLOUD_ADDRESS } from '../../local-cloud/machine/machine-network';
import { runningMachine } from '../../local-cloud/machine/running-machine';
import { PROJECT_FOLDER } from '../../scripts/tools/project';
import { Checkout } from '../support/checkout';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { NO_SWEEP, hasMoto } from '../support/local-cloud';
import { hasSystemdMachines, leftOnHost, machineDisk } from '../support/systemd-host';

const settings = {
  name: 'walls',
  models: ['walled', 'offline'],
  lingerSeconds: 60,
  disposable: true,
};

const MODEL = join(PROJECT_FOLDER, '__tests__', 'e2e', 'models', 'walled');

/** The model of this suite, and a copy of it without a network, whose setup tells what it reaches. */
function copyModels(project: string): void {
  cpSync(MODEL, join(project, 'walled'), { recursive: true });
  const offline = join(project, 'offline');
  cpSync(MODEL, offline, { recursive: true });
  const card = JSON.parse(readFileSync(join(MODEL, 'model.json'), 'utf8')) as object;
  const own = { name: 'offline', takes: { prefix: 'offline/' }, network: 'none', maxProcesses: 50 };
  writeFileSync(join(offline, 'model.json'), JSON.stringify({ ...card, ...own }));
  writeFileSync(join(offline, 'setup'), `#!/bin/sh\n{ ${REACH}; } >reached.txt\n`, { mode: 0o755 });
}

/** Says whether a program reaches the machine's cloud, which plays the internet. */
const REACH = `timeout 3 bash -c ': </dev/tcp/${CLOUD_ADDRESS}/${AGENT_PORT}' 2>/dev/null && echo reached || echo alone`;

/** The setup installs PyTorch, and the machine may be busy. */
const LIMIT_MS = 420_000;

const story = hasSystemdMachines() && hasMoto() ? describe : describe.skip;

story('behind the walls of a machine with systemd', () => {
  let pipeline: DeployedPipeline;
  let checkout: Checkout;

  beforeAll(async () => {
    checkout = new Checkout();
    copyModels(checkout.path);
    pipeline = await DeployedPipeline.deploy(
      { pipelines: [settings] },
      { project: checkout.path, timings: NO_SWEEP, systemd: { disk: await machineDisk() } },
    );
  }, 1_200_000);

  afterAll(async () => {
    const { directory } = pipeline.cloud;
    await pipeline.end();
    checkout.remove();
    expect(leftOnHost(basename(directory))).toEqual([]);
  }, 60_000);

  /** Runs a command of bash as a job. Returns what it has printed. */
  async function said(
    command: string,
    prefix = '',
    walls: Receipt['isolation'] | object = {},
  ): Promise<string> {
    const key = `${prefix}${Math.random()}.txt`;
    const job = await pipeline.upload(key, `${command}\n`);
    const receipt = await pipeline.receipt(job, LIMIT_MS);
    expect(receipt).toMatchObject({
      outcome: 'succeeded',
      isolation: { kind: 'systemd', network: 'internet', maxProcesses: 4096, ...walls },
    });
    const { key: said = '' } = receipt.outputs.find(({ key: each }) => each.endsWith('said.txt')) ?? {};
    return (await pipeline.text(pipeline.manifest.outputBucket, said)) ?? 'nothing';
  }

  /** Runs a script as root in the machine. */
  const inMachine = (script: string) =>
    execFileSync(
      'nsenter',
      ['--target', String(runningMachine(pipeline.cloud.directory)), '--all', '--', 'bash', '-c', script],
      {
        encoding: 'utf8',
      },
    );

  test(
    'PyTorch trains a small network with the workers of a DataLoader',
    async () => {
      const command = '[ -e without-torch ] && echo without torch || .venv/bin/python network.py';
      expect(await said(command)).toMatch(/^(?:lamplighter-model-0 learned|without torch)\n$/);
    },
    LIMIT_MS,
  );

  test(
    'a model has an account with a home: Node.js and Python know who it is, and sockets fit into its temporary folder',
    async () => {
      const user = `node -p 'const { username, homedir } = os.userInfo(); username + " " + (homedir === process.env.HOME)'`;
      const home = 'touch ~/file && cd && pwd && echo $USER $LOGNAME $TMPDIR';
      expect((await said(`${user}; ${home}`)).split('\n')).toEqual([
        'lamplighter-model-0 true',
        '/opt/lamplighter/home',
        'lamplighter-model-0 lamplighter-model-0 /tmp',
        '',
      ]);
    },
    LIMIT_MS,
  );

  test(
    'a run can read what its setup could read, and can change nothing of it',
    async () => {
      expect(await said('cat private/file; touch more; echo >private/file; true')).toMatch(
        /^kept\ntouch: .*Read-only file system\n.*Read-only file system\n$/,
      );
    },
    LIMIT_MS,
  );

  test(
    'an exit code of systemd’s own range is the model’s; a first untraced SIGKILL is not, and the receipt has the memory',
    async () => {
      const [exits, dies] = [
        await pipeline.upload('exits.txt', 'exit 203\n'),
        await pipeline.upload('dies.txt', 'kill -9 $PPID\n'),
      ];
      const exited = await pipeline.receipt(exits, LIMIT_MS);
      expect(exited).toMatchObject({ exit: { code: 203 }, error: { kind: 'model failed' } });
      expect(exited.endedAttempts).toBeUndefined();
      const died = await pipeline.receipt(dies, LIMIT_MS);
      expect((died.endedAttempts ?? []).map(({ cause }) => cause)).toEqual(['machine']);
      expect(died.exit).toEqual({ code: null, signal: 'SIGKILL' });
      expect(died.error?.message).toMatch(/The machine has \d+ MiB, of which models have \d+ MiB; /);
    },
    LIMIT_MS,
  );

  test(
    'without a network a run reaches nothing, although its setup does, and talks to itself',
    async () => {
      const loopback = `node -e 'require("net").createServer((s) => process.exit(7)).listen(9999, () => require("net").connect(9999, "127.0.0.1"))'; echo $?`;
      const walls = { network: 'none', maxProcesses: 50 };
      const text = await said(`cat reached.txt; ${REACH}; ${loopback}`, 'offline/', walls);
      expect(text).toBe('reached\nalone\n7\n');
    },
    LIMIT_MS,
  );

  test(
    'the devices of a GPU that the machine has are let in, and no others',
    async () => {
      const list = 'ls /dev | grep -E "nvidia|kmsg|loop" | sort | tr "\\n" " "';
      expect(await said(list)).toBe('');
      expect(inMachine('systemctl show --property MemoryMax lamplighter.slice')).toMatch(/^MemoryMax=\d+\n$/);
      inMachine(
        'for name in nvidia0 nvidia-uvm; do touch /dev/$name; mount --bind /dev/null /dev/$name; done',
      );
      expect(await said(`${list}; echo x >/dev/nvidia0 && echo written`)).toContain(
        'nvidia-uvm nvidia0 written',
      );
      inMachine('for name in nvidia0 nvidia-uvm; do umount /dev/$name; rm /dev/$name; done');
    },
    LIMIT_MS,
  );
});
