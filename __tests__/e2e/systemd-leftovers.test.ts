import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attemptPrefix } from '../../lifecycle/job';
import type { Receipt } from '../../lifecycle/records';
import { PROJECT_FOLDER } from '../../scripts/tools/project';
import { Checkout } from '../support/checkout';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { NO_SWEEP, eventually, hasMoto } from '../support/local-cloud';
import { hasSystemdMachines, inMachine, machineDisk } from '../support/systemd-host';

/** Copies of the model messy. Each has a prefix of its own, and is unpacked when its first job begins. */
const MODELS = ['work', 'unpack', 'setup'] as const;

/** On a loaded host everything takes many times what it takes alone. */
const LIMIT_MS = 120_000;

/** The pretended age of the machine: longer than `idleShutdownMinutes`. */
const AGE_SECONDS = 6_000;

/** A disk that is full soon. It has room for the ballast of bring-up.sh. */
const DISK_MIB = 256;

const story = hasSystemdMachines() && hasMoto() ? describe : describe.skip;

story('on a machine with systemd', () => {
  let pipeline: DeployedPipeline;
  let checkout: Checkout;

  beforeAll(async () => {
    checkout = new Checkout();
    for (const name of MODELS) copyModel(name);
    const settings = { name: 'messy', models: [...MODELS], lingerSeconds: 15, disposable: true };
    pipeline = await DeployedPipeline.deploy(
      { pipelines: [settings] },
      {
        project: checkout.path,
        timings: NO_SWEEP,
        systemd: { disk: await machineDisk(), diskMiB: DISK_MIB, ageSeconds: AGE_SECONDS },
      },
    );
  }, 1_200_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    checkout.remove();
  }, 60_000);

  function copyModel(name: string): void {
    const folder = join(checkout.path, name);
    cpSync(join(PROJECT_FOLDER, '__tests__', 'e2e', 'models', 'messy'), folder, { recursive: true });
    const card = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as object;
    const own = { ...card, name: `messy-${name}`, takes: { prefix: `${name}/`, suffixes: ['.txt'] } };
    writeFileSync(join(folder, 'model.json'), JSON.stringify(own));
    const setup = '#!/bin/sh\nsleep 3\nhead -c 8M /dev/zero >data\n';
    if (name === 'setup') writeFileSync(join(folder, 'setup'), setup, { mode: 0o755 });
  }

  const machine = (script: string) => inMachine(pipeline.cloud.directory, script);

  const outputs = () =>
    pipeline.cloud.events.flatMap((event) => (event.kind === 'output' ? [event.text] : []));

  /** Waits until the drain logs a line with all these texts after the lines that it has logged so far. */
  const says = (from: number, ...texts: string[]) =>
    eventually(
      texts.join(' and '),
      () =>
        outputs()
          .slice(from)
          .find((line) => texts.every((text) => line.includes(text))),
      LIMIT_MS,
    );

  /** The processes that outlive an attempt, by their command lines. */
  const left = () => machine('pgrep -af "^(chain of a model|sleep 7777)" || true');

  /** Fills the machine's disk to its last byte. */
  const fill = async () => {
    const all = 'fallocate -l "$(df --output=avail -B1 / | tail -1)" /filler; head -c 1G /dev/zero >/filler2';
    expect((await machine(`{ ${all}; } 2>/dev/null; df --output=avail -B1 / | tail -1`)).trim()).toBe('0');
  };

  const makeRoom = () => machine('rm -f /filler /filler2');

  /** Uploads a job that succeeds. Its drain then waits for other jobs for some seconds. */
  const drainLingers = async (key: string) => {
    const job = await pipeline.upload(key, 'work 0\n');
    expect(await pipeline.receipt(job, LIMIT_MS)).toMatchObject({ outcome: 'succeeded' });
    const jobs = async () => (await machine('ls /opt/lamplighter/jobs')) === '' || undefined;
    await eventually('an empty folder of jobs', jobs);
  };

  /** Waits until an attempt has ended without a receipt, makes room, and waits for the receipt. */
  async function succeedsOnceThereIsRoom(job: Uploaded): Promise<Receipt> {
    const { controlBucket } = pipeline.manifest;
    const key = `attempts/${job.jobId}.json`;
    await eventually(
      `the end of an attempt at ${job.key}`,
      () => pipeline.text(controlBucket, key),
      LIMIT_MS,
    );
    await makeRoom();
    const receipt = await pipeline.receipt(job, LIMIT_MS);
    expect(receipt).toMatchObject({ outcome: 'succeeded' });
    return receipt;
  }

  const fileOf = ({ key, jobId }: Uploaded, attempt: number, name: string) =>
    pipeline.text(pipeline.manifest.outputBucket, `${attemptPrefix(key, jobId, attempt)}${name}`);

  test(
    'what models of a killed drain leave in each slot, and what holds its lock, ends before the next drain begins a job',
    async () => {
      const jobs = [
        await pipeline.upload('work/a.txt', 'leave\n'),
        await pipeline.upload('work/b.txt', 'leave\n'),
      ];
      for (const job of jobs) await pipeline.isRunning(job);
      const chains = () => machine('pgrep -fc "^chain of a model" || true');
      await eventually('chains', async () => Number(await chains()) >= 16 || undefined);
      await machine(
        "systemd-run --quiet --unit=holder bash -c 'exec setpriv --reuid=20001 --regid=20001 --clear-groups " +
          'sh -c "flock 9; exec sleep 7777" 9<>/opt/lamplighter/run/drain.lock\'; touch /etc/messy-has-left',
      );
      const from = outputs().length;
      expect(pipeline.cloud.faults.killDrain(pipeline.manifest.instanceId)).toBe(true);
      await says(from, 'of a model holds the lock of the drains; ending it');
      await says(from, 'attempt begins');
      expect(await left()).toBe('');
      for (const job of jobs) {
        expect(await pipeline.receipt(job, LIMIT_MS)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
        expect(await fileOf(job, 2, 'lock.txt')).toBe('closed\n');
      }
      expect(await machine('pgrep --uid 20000,20001 || true')).toBe('');
    },
    LIMIT_MS * 3,
  );

  test(
    'a model that fills the disk fails its job, and the receipt says so; the next job succeeds',
    async () => {
      const job = await pipeline.upload('work/fill.txt', 'fill\n');
      const receipt = await pipeline.receipt(job, LIMIT_MS);
      expect(receipt).toMatchObject({ outcome: 'failed', attempt: 1, error: { kind: 'model failed' } });
      expect(receipt.error?.message).toBe(
        "the model exited with code 3, and the disk was full; raise diskGiB in the pipeline's settings, or have the model write less",
      );
      await drainLingers('work/after-fill.txt');
    },
    LIMIT_MS,
  );

  test.each([
    ['download', 'work/download.txt'],
    ['unpack', 'unpack/unpack.txt'],
  ])(
    'a disk that is full at the %s ends an attempt, blames no model, and the job succeeds once there is room',
    async (phase, key) => {
      await drainLingers(`work/before-${phase}.txt`);
      await fill();
      const { endedAttempts } = await succeedsOnceThereIsRoom(await pipeline.upload(key, 'work 0\n'));
      expect(new Set(endedAttempts?.map(({ cause, why }) => `${cause}: ${why}`))).toEqual(
        new Set(["machine: the instance's disk is full; raise diskGiB in the pipeline's settings"]),
      );
    },
    LIMIT_MS,
  );

  test(
    'a disk that is full at the setup is what the ended attempt says, and the job succeeds once there is room',
    async () => {
      const from = outputs().length;
      const job = await pipeline.upload('setup/setup.txt', 'work 0\n');
      await says(from, 'setting the model up');
      await fill();
      const { endedAttempts } = await succeedsOnceThereIsRoom(job);
      expect(endedAttempts?.map(({ cause, why }) => ({ cause, why }))).toContainEqual({
        cause: 'machine',
        why: "the setup of model messy-setup exited with code 1, and the disk was full; raise diskGiB in the pipeline's settings, or have the model write less",
      });
    },
    LIMIT_MS,
  );

  test(
    'a disk that is full at the upload and the receipt costs the receipt nothing but its bill',
    async () => {
      const { faults } = pipeline.cloud;
      faults.objectDelays = [{ method: 'PUT', path: /upload\.txt.*whole\.txt/, milliseconds: 2_000 }];
      const from = outputs().length;
      const job = await pipeline.upload('work/upload.txt', 'work 0\n');
      await says(from, 'model ended', job.jobId);
      await fill();
      const receipt = await pipeline.receipt(job, LIMIT_MS);
      await makeRoom();
      faults.objectDelays = [];
      expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 1 });
      expect(receipt.bill).toBeUndefined();
      expect(await fileOf(job, 1, 'whole.txt')).toBe('whole\n');
    },
    LIMIT_MS,
  );

  /** Lets the idle timer's service run as if no drain had run for long. Returns what the service has logged since then. */
  function idleServiceRuns(): Promise<string> {
    return machine(
      `mkdir -p /var/log/journal; journalctl --quiet --flush; touch -d '3 hours ago' /opt/lamplighter/run/heartbeat
       journalctl --quiet --sync; began=$(date +%s.%N); systemctl start lamplighter-idle
       journalctl --quiet --sync; journalctl --quiet --output=cat --unit=lamplighter-idle --since="@$began"`,
    );
  }

  test(
    'the idle timer leaves a held machine and a live drain alone, powers an idle machine off, and logs why',
    async () => {
      const { instanceId } = pipeline.manifest;
      await pipeline.tag('lamplighter:hold', 'a person');
      const job = await pipeline.upload('work/idle.txt', 'work 10\n');
      await pipeline.isRunning(job);
      const held = await idleServiceRuns();
      await pipeline.untag('lamplighter:hold');
      const live = await idleServiceRuns();
      await pipeline.tag('lamplighter:hold', 'a person');
      expect(held).not.toContain('switching the machine off');
      expect(live).toContain('idle, but a drain holds the lock');
      expect(await pipeline.receipt(job, LIMIT_MS)).toMatchObject({ outcome: 'succeeded', attempt: 1 });

      expect(pipeline.cloud.faults.killDrain(instanceId)).toBe(true);
      await pipeline.isQuiet();
      expect(await pipeline.state()).toBe('running');
      expect(await idleServiceRuns()).not.toContain('switching the machine off');
      await pipeline.untag('lamplighter:hold');
      await idleServiceRuns();
      await pipeline.reaches('stopped', LIMIT_MS);

      await drainLingers('work/after-idle.txt');
      const lastBoot = await machine('journalctl --quiet --boot=-1 --output=cat --unit=lamplighter-idle');
      expect(lastBoot).toContain('no drain for a while: switching the machine off');
      await pipeline.comesToRest();
    },
    LIMIT_MS * 3,
  );
});
