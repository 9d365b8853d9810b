import { RebootInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { bundleAws } from '../../local-cloud/machine/sandbox';
import type { BootOrder, OwnEnd, StepResult } from '../../local-cloud/machine/port';
import {
  SystemdMachine,
  type SystemdOptions,
  type SystemdPrograms,
  bundleSystemdPrograms,
  clearSystemdMachines,
} from '../../local-cloud/machine/systemd-machine';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { NO_SWEEP, eventually, hasMoto } from '../support/local-cloud';
import { initOfMachineIn } from '../../local-cloud/machine/keeper';
import {
  hasSystemdMachines,
  leftOnHost,
  machineDisk,
  networkOfHost,
  ownNamespacesOf,
  processesIn,
} from '../support/systemd-host';

const runs = hasSystemdMachines();

/** A boot takes 3 s on an idle host. */
const BOOTS_MS = 120_000;

const order: BootOrder = {
  instanceId: 'i-0123456789abcdef0',
  launchTime: '2030-01-01T00:00:00.000Z',
  region: 'eu-central-1',
  endpoint: 'http://127.0.0.1:9',
  roleArn: 'arn:aws:iam::123456789012:role/path/the-role',
  credentials: { AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'SECRET', AWS_SESSION_TOKEN: 'TOKEN' },
  tags: () => Promise.resolve({ 'lamplighter:hold': 'debugging' }),
};

/** Reads a path of the metadata service in the machine. */
const READ = `read_metadata() {
  token=$(curl -s -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$1/latest/api/token")
  curl -s -m 5 -H "X-aws-ec2-metadata-token: $token" "$1/latest/$2"
}
`;

(runs ? describe : describe.skip)('a machine with systemd', () => {
  let folder: string;
  let disk: string;
  let programs: SystemdPrograms;
  let ends: OwnEnd[] = [];
  let before: string;
  let machine: SystemdMachine;
  let environment: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    disk = await machineDisk();
    folder = mkdtempSync(join(tmpdir(), 'systemd: a machine, '));
    programs = await bundleSystemdPrograms(folder, await bundleAws(folder));
    before = networkOfHost();
    machine = make();
    await machine.prepare();
    await boot();
  }, 1_200_000);

  afterAll(async () => {
    machine.powerOff();
    await machine.whenOff();
    rmSync(folder, { recursive: true, force: true });
  });

  const make = (options: Partial<SystemdOptions> = {}, name = 'one') =>
    new SystemdMachine(
      join(folder, name),
      `lamplighter-${process.pid}-${name}`,
      programs,
      9,
      { disk, diskMiB: 512, ...options },
      (end) => ends.push(end),
    );

  const boot = async () => (environment = await machine.boot(order));

  const run = (
    script: string,
    options: { timeoutSeconds?: number; onStart?: (kill: () => void) => void } = {},
  ) =>
    machine.runStep({
      commandId: 'command',
      step: { name: 'step', script, timeoutSeconds: options.timeoutSeconds ?? 60, workingDirectory: '' },
      environment,
      onOutput: () => undefined,
      isOff: () => false,
      onStart: options.onStart ?? (() => undefined),
    });

  const output = async (script: string) => {
    const result = await run(script);
    expect(result).toMatchObject({ status: 'Success', stderr: '' });
    return result.stdout.trim();
  };

  const nothingIsLeft = async () => {
    await machine.whenOff();
    expect(leftOnHost(basename(folder))).toEqual([]);
    expect(leftOnHost(`lamplighter-${process.pid}`)).toEqual([]);
  };

  test(
    'is a machine of its own: systemd runs, its uptime has just begun, and its disk has a size',
    async () => {
      await eventually(
        'running',
        async () => (await run('systemctl is-system-running')).stdout === 'running\n' || undefined,
        30_000,
      );
      expect(await output('systemctl --failed --no-legend')).toBe('');
      expect(Number(await output('cut -d. -f1 /proc/uptime'))).toBeLessThan(60);
      expect(Number(await output('df -m --output=size / | tail -1'))).toBeLessThan(512);
      expect(await output('stat -f -c %T /tmp')).toBe('tmpfs');
      expect(await output('stat -f -c %T /sys/fs/cgroup')).toBe('cgroup2fs');
      expect(await output('node --version')).toBe(process.version);
    },
    BOOTS_MS,
  );

  test(
    'runs a script as Amazon’s agent does: as root, without HOME, in its own group; cancel and timeout kill the group',
    async () => {
      expect(
        await output('#!/bin/bash\necho "$(id -u)|${HOME-unset}|$PWD|$(ps -o pgid= $$ | tr -d " ")|$PPID"'),
      ).toMatch(/^0\|unset\|\/\|(\d+)\|\1$/);
      expect(await run('echo out; echo err >&2; exit 7')).toMatchObject({
        ...{ status: 'Failed', responseCode: 7, stdout: 'out\n', stderr: 'err\n' },
      });
      const late = await run('sleep 61.1 & sleep 61.2', { timeoutSeconds: 1 });
      expect(late).toMatchObject({ status: 'TimedOut', responseCode: 137 });
      const cancelled = await run('sleep 61.3 & sleep 61.4', { onStart: (kill) => kill() });
      expect(cancelled).toMatchObject({ responseCode: 137 });
      expect((await run('pgrep -af "sleep 61"')).stdout).toBe('');
    },
    BOOTS_MS,
  );

  test(
    'an agent that dies is started again, and its step goes on and reports its whole output once',
    async () => {
      const kill = 'systemctl kill --signal=SIGKILL --kill-who=main amazon-ssm-agent';
      const lines = 'for i in 1 2 3 4; do echo $i; sleep 0.5; done';
      expect(await output(`(sleep 0.7; ${kill}) & ${lines}`)).toBe('1\n2\n3\n4');
    },
    BOOTS_MS,
  );

  test(
    'has EC2’s metadata service, IPv4 and IPv6, which alone has the role’s credentials and needs a token',
    async () => {
      const document = JSON.parse(
        await output(`${READ} read_metadata http://169.254.169.254 dynamic/instance-identity/document`),
      ) as object;
      expect(document).toMatchObject({ instanceId: order.instanceId, pendingTime: '2030-01-01T00:00:00Z' });
      const role = 'meta-data/iam/security-credentials';
      expect(await output(`${READ} read_metadata 'http://[fd00:ec2::254]' ${role}/`)).toBe('the-role');
      const keys = await output(`${READ} read_metadata 'http://[fd00:ec2::254]' ${role}/the-role`);
      expect(JSON.parse(keys)).toMatchObject({ Code: 'Success', AccessKeyId: 'KEY', Token: 'TOKEN' });
      expect(
        await output(`${READ} read_metadata http://169.254.169.254 meta-data/tags/instance/lamplighter:hold`),
      ).toBe('debugging');
      const status = "curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/";
      expect(await output(`${status}instance-id`)).toBe('401');
      expect(await output('env')).not.toMatch(/KEY|SECRET|TOKEN|LAMPLIGHTER/);
      const notice = { action: 'stop', time: '2030-01-01T00:02:00Z' } as const;
      const read = `${READ} read_metadata http://169.254.169.254 meta-data/spot/instance-action`;
      expect(await output(read)).toBe('');
      expect(machine.showNotice(notice)).toBe(true);
      expect(JSON.parse(await output(read))).toEqual(notice);
    },
    BOOTS_MS,
  );

  test(
    'a unit without access to the metadata service has none, so BPF works',
    async () => {
      const deny = '-p IPAddressDeny=169.254.169.254/32';
      const fetch = 'curl -s -m 2 -X PUT http://169.254.169.254/latest/api/token';
      const result = await run(`systemd-run --quiet --pipe --wait ${deny} ${fetch}`);
      expect(result).toMatchObject({ status: 'Failed', stdout: '' });
    },
    BOOTS_MS,
  );

  test(
    'a full disk is the machine’s, never the host’s',
    async () => {
      const script =
        'head -c 2G /dev/zero >/opt/big; status=$?; stat -c %s /opt/big >/tmp/size; rm /opt/big; exit $status';
      expect(await run(script)).toMatchObject({ status: 'Failed', responseCode: 1 });
      expect(Number(await output('cat /tmp/size'))).toBeLessThan(512 * 2 ** 20);
    },
    BOOTS_MS,
  );

  test(
    'the power button is an orderly shutdown: programs get SIGTERM and end; the disk stays; nothing else is left',
    async () => {
      const asked = run(
        'mkdir -p /opt/lamplighter; trap "echo ended in order >/opt/lamplighter/note; exit 0" TERM; while :; do sleep 0.1; done',
      );
      await eventually(
        'its start',
        async () => (await run('ls /opt/lamplighter')).status === 'Success' || undefined,
      );
      const init = initOfMachineIn(join(folder, 'one'))!;
      const namespaces = ownNamespacesOf(init);
      expect(namespaces).toHaveLength(7);
      expect(processesIn(namespaces)).toContain(String(init));
      const boot1 = await output('cat /proc/sys/kernel/random/boot_id');
      await machine.shutDown();
      expect((await asked).status).toBe('Cancelled');
      await nothingIsLeft();
      expect(processesIn(namespaces)).toEqual([]);
      expect(networkOfHost()).toBe(before);
      await boot();
      expect(await output('cat /opt/lamplighter/note')).toBe('ended in order');
      expect(await output('cat /proc/sys/kernel/random/boot_id')).not.toBe(boot1);
      expect(ends).toEqual([]);
    },
    BOOTS_MS,
  );

  test(
    'a crash leaves programs no time, and nothing on the host; the disk can be used again',
    async () => {
      const asked = run(
        'trap "echo in order >/opt/lamplighter/crash; exit 0" TERM; touch /opt/started; while :; do sleep 0.1; done',
      );
      await eventually(
        'its start',
        async () => (await run('ls /opt/started')).status === 'Success' || undefined,
      );
      machine.powerOff();
      expect((await asked).status).toBe('Cancelled');
      await nothingIsLeft();
      await boot();
      expect((await run('cat /opt/lamplighter/crash')).status).toBe('Failed');
      expect(await output('cat /opt/lamplighter/note')).toBe('ended in order');
    },
    BOOTS_MS,
  );

  test(
    'a shutdown that a unit holds up is cut short after EC2’s limit',
    async () => {
      machine.powerOff();
      await machine.whenOff();
      machine = make({ shutdownLimitMs: 3_000 }, 'slow');
      await machine.prepare();
      await boot();
      await output(
        "systemd-run --quiet -p 'ExecStop=sleep 60' -p RemainAfterExit=yes --unit=slow true; sleep 1",
      );
      const began = Date.now();
      await machine.shutDown();
      expect(Date.now() - began).toBeGreaterThanOrEqual(3_000);
      expect(Date.now() - began).toBeLessThan(20_000);
      await nothingIsLeft();
    },
    BOOTS_MS,
  );

  test(
    'a machine that switches itself off, reboots or crashes says which',
    async () => {
      for (const [script, end] of [
        ['systemctl poweroff', 'powered off'],
        ['systemctl reboot', 'rebooted'],
      ] as const) {
        ends = [];
        await boot();
        const result: Promise<StepResult> = run(`${script}; sleep 60`);
        await eventually(end, () => ends[0], 60_000);
        expect(ends).toEqual([end]);
        expect((await result).status).toBe('Cancelled');
        await nothingIsLeft();
      }
    },
    BOOTS_MS,
  );

  test(
    'two machines at once do not meet: each has its own network, metadata service, processes and disk',
    async () => {
      await boot();
      const other = make({}, 'two');
      try {
        await other.prepare();
        const otherEnvironment = await other.boot({ ...order, instanceId: 'i-0000000000000000f' });
        const read = `${READ} read_metadata http://169.254.169.254 meta-data/instance-id; touch /opt/two; sleep 62.1 &`;
        const onOther = await other.runStep({
          commandId: 'command',
          step: { name: 'step', script: read, timeoutSeconds: 60, workingDirectory: '' },
          environment: otherEnvironment,
          onOutput: () => undefined,
          isOff: () => false,
          onStart: () => undefined,
        });
        expect(onOther.stdout).toBe('i-0000000000000000f');
        expect(await output(`${READ} read_metadata http://169.254.169.254 meta-data/instance-id`)).toBe(
          order.instanceId,
        );
        expect((await run('pgrep -f "sleep 62"; ls /opt/two')).stdout).toBe('');
      } finally {
        await other.shutDown();
        machine.powerOff();
      }
      await nothingIsLeft();
    },
    BOOTS_MS,
  );

  test(
    'a pretended uptime is the machine’s, so that the idle timer needs no wait',
    async () => {
      machine = make({ ageSeconds: 6_000 }, 'old');
      await machine.prepare();
      await boot();
      expect(Number(await output('cut -d. -f1 /proc/uptime'))).toBeGreaterThanOrEqual(6_000);
    },
    BOOTS_MS,
  );

  test(
    'with limits, a unit that needs too much memory is killed, one that forks too often is refused, and the host is unharmed',
    async () => {
      machine.powerOff();
      await machine.whenOff();
      machine = make({ hasLimits: true }, 'limits');
      await machine.prepare();
      await boot();
      await eventually(
        'running',
        async () => (await run('systemctl is-system-running')).stdout === 'running\n' || undefined,
        30_000,
      );
      expect(await output('systemctl --failed --no-legend')).toBe('');
      const inUnit = (property: string, program: string) =>
        run(`systemd-run --quiet --pipe --wait -p ${property} -- ${program}`);
      const fill = (mebibytes: number) => `python3 -c 'x = b"x" * (${mebibytes} << 20); print("filled")'`;
      expect(await inUnit('MemoryMax=50M', fill(10))).toMatchObject({ stdout: 'filled\n' });
      expect(await inUnit('MemoryMax=50M', fill(200))).toMatchObject({ status: 'Failed', stdout: '' });
      const fork = `sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 63 & done; echo forked'`;
      const refused = await inUnit('TasksMax=10', fork);
      expect(refused).toMatchObject({ status: 'Failed', stdout: '' });
      expect(refused.stderr).toMatch(/[Cc]annot fork/);
      expect(await inUnit('TasksMax=20', fork)).toMatchObject({ stdout: 'forked\n' });
      expect((await run('pgrep -f "sleep 63"')).stdout).toBe('');
      await machine.shutDown();
      await nothingIsLeft();
    },
    BOOTS_MS,
  );

  test(
    'an interrupt in each phase of a boot leaves nothing',
    async () => {
      machine.powerOff();
      await machine.whenOff();
      for (const milliseconds of [0, 50, 150, 400, 1_000, 2_000]) {
        const booted = boot();
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        machine.powerOff();
        await booted.catch((error: unknown) => expect(String(error)).toMatch(/did not boot|switched off/));
        await nothingIsLeft();
      }
      expect(networkOfHost()).toBe(before);
    },
    BOOTS_MS,
  );

  test(
    'a local cloud that was killed takes its machine along, and one whose keeper was killed is cleared by the next',
    async () => {
      for (const [kill, hasLimits] of [
        ['the cloud', false],
        ['both', false],
        ['both', true],
      ] as const) {
        const args = ['--import', 'tsx', '-e', PROGRAM, '--', folder, disk, String(hasLimits)];
        const child = spawn(process.execPath, args, {
          cwd: join(__dirname, '..', '..'),
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const [line] = (await once(child.stdout, 'data')) as [Buffer];
        const { keeper } = JSON.parse(line.toString()) as { keeper: number };
        if (kill === 'both') process.kill(keeper, 'SIGKILL');
        child.kill('SIGKILL');
        await once(child, 'exit');
        await clearSystemdMachines(folder);
        expect(leftOnHost('lamplighter-killed')).toEqual([]);
        expect(leftOnHost(basename(folder))).toEqual([]);
      }
    },
    BOOTS_MS,
  );
});

const settings = {
  name: 'machines',
  models: ['__tests__/e2e/models/puppet'],
  leaseSeconds: 15,
  lingerSeconds: 0,
  disposable: true,
  spot: true,
};

(runs && hasMoto() ? describe : describe.skip)('a pipeline whose instance is a machine with systemd', () => {
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    const timings = { ...NO_SWEEP, spotNoticeMs: 3_000 };
    pipeline = await DeployedPipeline.deploy(
      { pipelines: [settings] },
      { timings, systemd: { disk: await machineDisk() } },
    );
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 1_200_000);

  afterAll(async () => {
    const { directory } = pipeline.cloud;
    await pipeline.end();
    expect(leftOnHost(basename(directory))).toEqual([]);
    expect(leftOnHost(pipeline.manifest.instanceId)).toEqual([]);
  }, 60_000);

  const ids = () => ({ InstanceIds: [pipeline.manifest.instanceId] });
  const outputs = () =>
    pipeline.cloud.events.flatMap((event) => (event.kind === 'output' ? [event.text] : []));

  test('a file becomes a receipt: the model has its own user, and sees no credentials', async () => {
    const job = await pipeline.upload('one.txt', 'credentials');
    expect(await pipeline.receipt(job, 90_000)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
    const folder = `results/one.txt/${job.jobId}/`;
    const keys = await pipeline.keys(pipeline.manifest.outputBucket, folder);
    const leak = keys.find((key) => key.endsWith('leak.txt'))!;
    expect(await pipeline.text(pipeline.manifest.outputBucket, leak)).toBe('');
    await pipeline.comesToRest();
    // The whole document ran, with its units.
    expect(outputs()).toContain('lamplighter: fetching the runner');
  }, 180_000);

  test('a reboot in the midst of a job: the machine boots again, and the job ends in one receipt', async () => {
    pipeline.cloud.faults.commandsAtCrash = 'resubmitted';
    const job = await pipeline.upload('reboot.txt', 'sleep 20');
    await pipeline.isRunning(job);
    await pipeline.ec2.send(new RebootInstancesCommand(ids()));
    expect(await pipeline.receipt(job, 120_000)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    await pipeline.comesToRest();
    pipeline.cloud.faults.commandsAtCrash = 'failed';
  }, 240_000);

  test('a crash in the midst of a job: the next boot runs the job again', async () => {
    const job = await pipeline.upload('crash.txt', 'sleep 10');
    await pipeline.isRunning(job);
    pipeline.cloud.faults.crashInstance(pipeline.manifest.instanceId);
    expect(await pipeline.state()).toBe('stopped');
    await pipeline.cloud.faults.sweepNow();
    expect(await pipeline.receipt(job, 120_000)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    await pipeline.comesToRest();
  }, 240_000);

  test('a stop by the console is the power button, and takes as long as the shutdown takes', async () => {
    const job = await pipeline.upload('stop.txt', 'sleep 20');
    await pipeline.isRunning(job);
    await pipeline.ec2.send(new StopInstancesCommand(ids()));
    await pipeline.reaches('stopped');
    await pipeline.cloud.faults.sweepNow();
    expect(await pipeline.receipt(job, 120_000)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    await pipeline.comesToRest();
  }, 240_000);

  test('a spot interruption shows its notice in the machine before the shutdown', async () => {
    const job = await pipeline.upload('spot.txt', 'sleep 20');
    await pipeline.isRunning(job);
    pipeline.cloud.faults.interruptSpot(pipeline.manifest.instanceId);
    expect(await pipeline.state()).toBe('running');
    await pipeline.reaches('stopped', 60_000);
    pipeline.cloud.faults.bringBackSpot(pipeline.manifest.instanceId);
    expect(await pipeline.receipt(job, 120_000)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    await pipeline.comesToRest();
  }, 240_000);
});

/** A program that boots a machine, prints its keeper's process id, and waits for its own end. */
const PROGRAM = `
const { SystemdMachine, bundleSystemdPrograms } = require('./local-cloud/machine/systemd-machine');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const [folder, disk, hasLimits] = process.argv.slice(-3);
(async () => {
  const programs = await bundleSystemdPrograms(folder, join(folder, 'sandbox-aws.cjs'));
  const machine = new SystemdMachine(join(folder, 'killed'), 'lamplighter-killed', programs, 9, { disk, diskMiB: 256, hasLimits: hasLimits === 'true' }, () => undefined);
  await machine.prepare();
  await machine.boot({ instanceId: 'i-1', launchTime: '', region: 'eu-central-1', endpoint: '', roleArn: 'a/b', credentials: {}, tags: async () => ({}) });
  console.log(JSON.stringify({ keeper: JSON.parse(readFileSync(join(folder, 'killed', 'keeper.json'))).pid }));
})();`;
