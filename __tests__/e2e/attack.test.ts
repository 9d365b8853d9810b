import type { Receipt } from '../../lifecycle/records';
import { CLOUD_ADDRESS } from '../../local-cloud/machine/machine-network';
import { AttackedMachine, type Facts } from '../support/attacks/attacked-machine';
import { families } from '../support/attacks/families';
import { leftovers } from '../support/attacks/leftovers';
import { metadata } from '../support/attacks/metadata';
import { resources } from '../support/attacks/resources';
import { type Row, controlText, markdown } from '../support/attacks/table';
import type { Family, Report, Try } from '../support/attacks/try';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { NO_SWEEP, hasMoto } from '../support/local-cloud';
import { hasSystemdMachines, machineDisk } from '../support/systemd-host';

const settings = {
  name: 'attack',
  models: ['__tests__/e2e/models/attacker'],
  lingerSeconds: 0,
  disposable: true,
};

/** All jobs of the suite wait for one slot. */
const RECEIPT_MS = 180_000;
const LIMIT_MS = 240_000;

(hasSystemdMachines() && hasMoto() ? describe : describe.skip)('a model that attacks its machine', () => {
  let pipeline: DeployedPipeline;
  let machine: AttackedMachine;
  /** A job that stays in slot 0, and keeps the machine on. */
  let victim: Uploaded;
  let facts: Facts;
  const systemd = { disk: '', diskMiB: 640, hasLimits: false };
  /** The jobs of tries, by the try's name. */
  const jobs = new Map<string, Uploaded>();
  const results = new Map<string, string>();
  const rows: Row[] = [];

  beforeAll(async () => {
    systemd.disk = await machineDisk();
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { timings: NO_SWEEP, systemd });
    machine = new AttackedMachine(pipeline.cloud.directory);
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
    await begin();
    facts = { ...facts, ...machine.room() };
    const left = await upload('before', leftovers.tries, 'leave');
    for (const family of families) if (family !== leftovers) await uploadAll(family);
    await pipeline.receipt(left, RECEIPT_MS);
    await uploadAll(leftovers);
  }, 1_200_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    if (process.env.LAMPLIGHTER_ATTACK_TABLE === '1') process.stdout.write(`\n${markdown(rows)}\n`);
  }, 60_000);

  /** Boots the machine, with the victim on it. */
  async function begin(): Promise<void> {
    victim = await send('victim', { isVictim: true });
    await pipeline.isRunning(victim);
    machine.prepare();
    const endpoint = `http://${CLOUD_ADDRESS}:${new URL(pipeline.cloud.endpoint).port}`;
    facts = machine.facts(victim.jobId, pipeline.manifest.controlBucket, endpoint);
  }

  /** The machine ends, and all jobs have. */
  async function end(): Promise<void> {
    machine.root(`touch ${facts.VICTIM_JOB}/home/released`);
    expect(await pipeline.receipt(victim, RECEIPT_MS)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
    expect(await reportOf(await upload('next', []))).toEqual({});
    await pipeline.comesToRest();
  }

  function upload(name: string, tries: readonly Try[], which: 'leave' | 'command' = 'command') {
    const commands = Object.fromEntries(tries.map((each) => [each.name, each[which] ?? ['true']]));
    return send(name, { facts, commands });
  }

  function send(name: string, order: object): Promise<Uploaded> {
    return pipeline.upload(`${name}.json`, JSON.stringify(order));
  }

  async function uploadAll({ name, tries }: Family): Promise<void> {
    const together = tries.filter(({ failure }) => failure === undefined);
    const job = await upload(name, together);
    for (const each of together) jobs.set(each.name, job);
    for (const { name: own, failure, command } of tries) {
      if (failure !== undefined) jobs.set(own, await send(own, { facts, model: command }));
    }
  }

  async function reportOf(job: Uploaded): Promise<Record<string, Report>> {
    expect(await pipeline.receipt(job, RECEIPT_MS)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
    const keys = await pipeline.keys(pipeline.manifest.outputBucket, `results/${job.key}/${job.jobId}/`);
    const key = keys.find((each) => each.endsWith('report.json'))!;
    return JSON.parse((await pipeline.text(pipeline.manifest.outputBucket, key))!) as Record<string, Report>;
  }

  async function expectNothingGotThrough(tries: readonly Try[]): Promise<void> {
    const faults: string[] = [];
    for (const each of tries) {
      const job = jobs.get(each.name)!;
      const fault =
        each.failure === undefined
          ? faultOf(each, (await reportOf(job))[each.name])
          : faultOfReceipt(each, await pipeline.receipt(job, RECEIPT_MS));
      results.set(each.name, fault ?? 'held');
      if (fault !== undefined) faults.push(`${each.name}: ${fault}`);
    }
    expect(faults).toEqual([]);
  }

  async function expectControlsGetThrough({ name: family, tries }: Family): Promise<void> {
    machine.prepareControls();
    const faults: string[] = [];
    for (const { name, wall, control, ...attack } of tries) {
      const { code, line } = await machine.control({ name, wall, control, ...attack }, facts);
      if (code !== 0) faults.push(`${name}: ${line}`);
      const text = code === 0 ? controlText(control) : `HELD: ${line}`;
      rows.push({ family, name, wall, control: text, result: results.get(name) ?? 'not tried' });
    }
    expect(faults).toEqual([]);
  }

  const named = families.map((family) => [family.name, family] as const);

  test.each(named)(
    'nothing gets through: %s',
    (_name, { tries }) => expectNothingGotThrough(tries),
    LIMIT_MS,
  );

  test.each(named)(
    'without the wall, each try gets through: %s',
    (_name, family) => expectControlsGetThrough(family),
    LIMIT_MS,
  );

  test(
    'the packet filter alone keeps a process from the metadata service',
    async () => {
      await Promise.all(
        metadata.tries.map(async ({ command, held }) => {
          expect((await machine.behindPacketFilter(command, facts)).line).toMatch(held);
        }),
      );
    },
    LIMIT_MS,
  );

  test('afterwards the drain, the agent and the next job are well', end, LIMIT_MS);

  test(
    'on a machine with limits nothing gets more than its share, and the rules of routing alone close the metadata service',
    async () => {
      systemd.hasLimits = true;
      await begin();
      await uploadAll(resources);
      await uploadAll(metadata);
      await expectNothingGotThrough([...resources.tries, ...metadata.tries]);
      await expectControlsGetThrough(resources);
      await end();
    },
    LIMIT_MS,
  );
});

/** Why a try has not been stopped as it should. Undefined: it has. */
function faultOf({ held }: Try, report: Report | undefined): string | undefined {
  if (!report) return 'not run';
  if (report.code === 0) return `got through (${report.line})`;
  return held.test(report.line) ? undefined : `stopped by something else (${report.line})`;
}

function faultOfReceipt({ failure }: Try, { outcome, error }: Receipt): string | undefined {
  if (outcome === 'succeeded') return 'got through';
  return error?.kind === failure ? undefined : `stopped by something else (${error?.message ?? outcome})`;
}
