import { RebootInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { CancelCommandCommand, SSMClient } from '@aws-sdk/client-ssm';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { attemptPrefix } from '../../lifecycle/job';
import { PROJECT_FOLDER } from '../../scripts/tools/project';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { NO_SWEEP, eventually, hasMoto } from '../support/local-cloud';
import { Checkout } from '../support/checkout';
import { hasSystemdMachines, inMachine, machineDisk } from '../support/systemd-host';

/** How the machine or the drain ends in the midst of a job. */
const ENDS = {
  poweroff: 'a stop with a unit that takes 20 s to stop',
  reboot: 'a reboot',
  cut: 'a power cut',
  cancel: 'a command that is cancelled',
  spot: 'a spot interruption with its notice',
} as const;

type End = keyof typeof ENDS;

/** The jobs of each test: the name of the upload → what the model mortal does. */
const JOBS = {
  'a-fails': 'fail',
  'b-dies': 'segv',
  'c-polite': 'polite 6',
  'd-download': 'work 1',
  'e-upload': 'work 1',
  'f-plain': 'work 1',
  'g-plain': 'work 1',
  'h-plain': 'work 1',
} as const;

type Name = keyof typeof JOBS;

/** How long a delayed download or upload takes: long enough for a strike in its midst. */
const DELAY_MS = 6_000;

/** The pause between two sweeps, in milliseconds. */
const SWEEP_MS = 5_000;

/** Time for all that follows a strike: a shutdown of 20 s, a boot, the jobs. On a loaded host it is many times what it is alone. */
const LIMIT_MS = 240_000;

const story = hasSystemdMachines() && hasMoto() ? describe : describe.skip;

story('on a machine with systemd, an end of the machine ends attempts and not jobs', () => {
  let pipeline: DeployedPipeline;
  let checkout: Checkout;

  beforeAll(async () => {
    checkout = new Checkout();
    for (const end of Object.keys(ENDS)) copyModel(end);
    const models = Object.keys(ENDS);
    const settings = { name: 'mortal', models, lingerSeconds: 0, disposable: true, spot: true };
    pipeline = await DeployedPipeline.deploy(
      { pipelines: [settings] },
      {
        project: checkout.path,
        timings: { ...NO_SWEEP, spotNoticeMs: 3_000 },
        systemd: { disk: await machineDisk() },
      },
    );
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 1_200_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    checkout.remove();
  }, 60_000);

  /** The model for one test, with a folder and a prefix of its own, so that its setup runs in that test. */
  function copyModel(end: string): void {
    const folder = join(checkout.path, end);
    cpSync(join(PROJECT_FOLDER, '__tests__', 'e2e', 'models', 'mortal'), folder, { recursive: true });
    const card = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as object;
    const own = { ...card, name: `mortal-${end}`, takes: { prefix: `${end}/`, suffixes: ['.txt'] } };
    writeFileSync(join(folder, 'model.json'), JSON.stringify(own));
  }

  const ids = () => ({ InstanceIds: [pipeline.manifest.instanceId] });

  const outputs = () =>
    pipeline.cloud.events.flatMap((event) => (event.kind === 'output' ? [event.text] : []));

  /** Waits until the drain has logged a line with all these texts. */
  const says = (...texts: string[]) =>
    eventually(
      texts.join(' and '),
      () => outputs().find((line) => texts.every((text) => line.includes(text))),
      LIMIT_MS,
    );

  /** A unit that a shutdown has to wait for, in this boot and all later ones. */
  async function addSlowUnit(): Promise<void> {
    const service = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=sleep 20';
    const unit = `${service}\n[Install]\nWantedBy=multi-user.target`;
    const file = '/etc/systemd/system/slow.service';
    await inMachine(
      pipeline.cloud.directory,
      `cat >${file} <<'UNIT'\n${unit}\nUNIT\nsystemctl enable --now slow.service`,
    );
  }

  const strikes: Record<End, () => Promise<void>> = {
    poweroff: async () => {
      await pipeline.enters('stopping', () => pipeline.ec2.send(new StopInstancesCommand(ids())));
      await pipeline.reaches('stopped', LIMIT_MS);
    },
    reboot: async () => {
      await pipeline.ec2.send(new RebootInstancesCommand(ids()));
    },
    cut: () => {
      pipeline.cloud.faults.crashInstance(pipeline.manifest.instanceId);
      return Promise.resolve();
    },
    cancel: async () => {
      const running = pipeline.cloud.events.findLast((event) => event.kind === 'command');
      const ssm = new SSMClient(pipeline.cloud.client);
      await ssm.send(new CancelCommandCommand({ CommandId: running!.commandId }));
    },
    spot: async () => {
      await pipeline.enters('stopping', () =>
        pipeline.cloud.faults.interruptSpot(pipeline.manifest.instanceId),
      );
      await pipeline.reaches('stopped', LIMIT_MS);
      pipeline.cloud.faults.bringBackSpot(pipeline.manifest.instanceId);
    },
  };

  test.each(Object.entries(ENDS) as [End, string][])(
    '%s: %s',
    async (end) => {
      // Only a sweep starts the instance after a stop that no function made.
      const sweeps = setInterval(() => void pipeline.cloud.faults.sweepNow(), SWEEP_MS);
      try {
        await endsJobsOf(end);
      } finally {
        clearInterval(sweeps);
      }
    },
    4 * LIMIT_MS,
  );

  async function endsJobsOf(end: End): Promise<void> {
    const { faults } = pipeline.cloud;
    faults.objectDelays = [
      { method: 'GET', path: /d-download\.txt/, milliseconds: DELAY_MS },
      { method: 'PUT', path: /e-upload\.txt.*whole\.txt/, milliseconds: DELAY_MS },
    ];
    const jobs = {} as Record<Name, Uploaded>;
    for (const [name, text] of Object.entries(JOBS)) {
      jobs[name as Name] = await pipeline.upload(`${end}/${name}.txt`, `${text}\n`);
      // The order of admission is by the seconds of S3.
      await pause(1_000);
    }
    const strike = strikes[end];

    await says('setting the model up', `mortal-${end}`);
    if (end === 'poweroff') await addSlowUnit();
    await pause(1_000);
    await strike();
    await says('attempt begins', jobs['c-polite'].jobId);
    await pause(2_000);
    await strike();
    await says('attempt begins', jobs['d-download'].jobId);
    await pause(2_000);
    await strike();
    await says('model ended', jobs['e-upload'].jobId);
    await pause(2_000);
    await strike();

    for (const name of Object.keys(JOBS) as Name[]) await endsAsItShould(name, jobs[name]);
    faults.objectDelays = [];
    await pipeline.comesToRest();
  }

  async function endsAsItShould(name: Name, job: Uploaded): Promise<void> {
    const receipt = await pipeline.receipt(job, LIMIT_MS);
    const causes = (receipt.endedAttempts ?? []).map(({ cause }) => cause);
    expect({ name, causes }).toEqual({ name, causes: causes.filter((cause) => cause !== 'model') });
    if (name === 'a-fails' || name === 'b-dies') {
      const message = name === 'a-fails' ? 'the model exited with code 1' : 'the model was ended by SIGSEGV';
      expect(receipt).toMatchObject({ outcome: 'failed', error: { kind: 'model failed', message } });
      return;
    }
    expect({ name, outcome: receipt.outcome, error: receipt.error }).toEqual({ name, outcome: 'succeeded' });
    const prefix = attemptPrefix(job.key, job.jobId, receipt.attempt);
    expect(receipt.outputs.map(({ key }) => key)).toEqual([`${prefix}whole.txt`]);
    expect(await pipeline.text(pipeline.manifest.outputBucket, `${prefix}whole.txt`)).toBe('whole\n');
  }
});
