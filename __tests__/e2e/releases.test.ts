import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drainStatusSchema, gateSchema, openRecordSchema } from '../../lifecycle/records';
import { DeployedPipeline, type Uploaded } from '../support/deployed-pipeline';
import { firstReleaseSchemas } from '../support/first-release/bundles';
import { MARK_OF_FIRST_RELEASE, ReleasesCheckout } from '../support/first-release/checkout';
import { hasMoto } from '../support/local-cloud';

const settings = { pipelines: [{ name: 'puppets', models: ['models/puppet'], lingerSeconds: 0 }] };

const story = hasMoto() ? describe : describe.skip;

/** A drain outlives a deploy: it runs on with its own code, beside functions of another release. */
story('a deploy of another release', () => {
  let checkout: ReleasesCheckout;
  let pipeline: DeployedPipeline;

  beforeAll(async () => {
    checkout = new ReleasesCheckout();
    checkout.letPuppetWait();
    checkout.functionsAndRunner('first');
    pipeline = await DeployedPipeline.deploy(settings, { project: checkout.path });
    await isDeployed('first');
  }, 240_000);

  afterAll(async () => {
    await (pipeline as DeployedPipeline | undefined)?.end();
    checkout.remove();
  });

  it('a drain of the first release does the work of this release’s functions', async () => {
    await duringDeployOf('present');
  }, 240_000);

  it('a drain of this release does the work of the first release’s functions, as after a rollback', async () => {
    await duringDeployOf('first');
    const after = await pipeline.upload('after.txt', 'hello');
    expect(await pipeline.receipt(after)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
    await pipeline.comesToRest();
    await recordsAreReadable();
  }, 240_000);

  /** One job runs and one waits during the deploy; a third comes after it. One drain, older than the deploy, runs them all. */
  async function duringDeployOf(release: 'first' | 'present'): Promise<void> {
    const marker = join(mkdtempSync(join(tmpdir(), 'marker-')), 'go-on');
    const running = await pipeline.upload('running.txt', `wait ${marker}`);
    await pipeline.isRunning(running);
    const waiting = await pipeline.upload('waiting.txt', 'hello');
    await pipeline.isOpen(waiting);
    const stops = pipeline.cloud.faults.stopCalls;

    const codeBefore = await pipeline.codeOf(pipeline.manifest.functions.stop);
    checkout.functionsAndRunner(release);
    await pipeline.update(settings);
    await isDeployed(release);
    expect(await pipeline.codeOf(pipeline.manifest.functions.stop)).not.toBe(codeBefore);
    const later = await pipeline.upload('later.txt', 'hello');
    await pipeline.isOpen(later);
    await openRecordsAreReadable([running, waiting, later]);
    await pipeline.cloud.faults.sweepNow();
    await pipeline.isRunning(running);
    expect(pipeline.cloud.faults.stopCalls).toBe(stops);
    writeFileSync(marker, '');

    const receipts = [];
    for (const job of [running, waiting, later]) receipts.push(await pipeline.receipt(job));
    for (const receipt of receipts) expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 1 });
    expect(new Set(receipts.map(({ instance }) => instance.drainId)).size).toBe(1);
    await pipeline.comesToRest();
    await recordsAreReadable();
  }

  /** Otherwise this test would prove nothing. */
  async function isDeployed(release: 'first' | 'present'): Promise<void> {
    const runner = await pipeline.text(pipeline.manifest.controlBucket, 'runner/runner.mjs');
    expect(runner?.includes(MARK_OF_FIRST_RELEASE)).toBe(release === 'first');
  }

  async function openRecordsAreReadable(jobs: readonly Uploaded[]): Promise<void> {
    const { openRecordSchema: first } = firstReleaseSchemas();
    for (const { jobId } of jobs) {
      const record = await recordAt(`open/${jobId}.json`);
      expect(openRecordSchema.parse(record)).toEqual(first.parse(record));
    }
  }

  /** To both releases. */
  async function recordsAreReadable(): Promise<void> {
    const first = firstReleaseSchemas();
    const gate = await recordAt('gate.json');
    expect(gateSchema.parse(gate)).toEqual(first.gateSchema.parse(gate));
    const trace = await recordAt('status/drain.json');
    expect(drainStatusSchema.parse(trace)).toEqual(first.drainStatusSchema.parse(trace));
  }

  async function recordAt(key: string): Promise<unknown> {
    return JSON.parse((await pipeline.text(pipeline.manifest.controlBucket, key)) ?? 'null');
  }
});
