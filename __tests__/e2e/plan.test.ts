import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plan, type PlanOptions } from '../../scripts/commands/plan/plan';
import { Exit } from '../../scripts/console/exit';
import { LocalRun } from '../../local-cloud/local-run';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { hasMoto } from '../support/local-cloud';
import { recordingTerminal } from '../unit/scripts/stand-ins';

const settings = {
  name: 'puppets',
  models: ['__tests__/e2e/models/puppet', '__tests__/e2e/models/strict'],
  leaseSeconds: 15,
  lingerSeconds: 0,
  disposable: true,
};

const story = hasMoto() ? describe : describe.skip;

/** The command itself, against a local cloud with the real stack. No plan of these tests is applied. */
story('lamplighter plan', () => {
  let pipeline: DeployedPipeline;
  let run: LocalRun;

  beforeAll(async () => {
    pipeline = await DeployedPipeline.deploy({ pipelines: [settings] }, { waitsAsOnAws: true });
    // `lamplighter local` writes the same for other terminals.
    run = await LocalRun.begin(pipeline.cloud.directory);
    run.announce(pipeline.announced);
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(async () => {
    await (run as LocalRun | undefined)?.end();
    await (pipeline as DeployedPipeline | undefined)?.end();
  });

  async function planned(changed: object, options: Partial<PlanOptions> = {}) {
    const terminal = recordingTerminal();
    const whole: PlanOptions = {
      destroy: false,
      json: false,
      allowDataLoss: false,
      allowKeyChange: false,
      allowInterruption: false,
      ...options,
    };
    const place = {
      context: { pipelines: [{ ...settings, ...changed }] },
      directory: pipeline.cloud.directory,
    };
    const end = await plan(whole, terminal, place).then(
      (code) => ({ code, message: '' }),
      (error: unknown) => {
        const { exitCode, message } = error as { exitCode: number; message: string };
        return { code: exitCode, message };
      },
    );
    return { ...end, text: terminal.stdout.join('\n') };
  }

  it('reports that an unchanged project changes nothing', async () => {
    const { code, text } = await planned({});
    expect(text).toContain('No changes: the deployed pipeline is as the project describes.');
    expect(code).toBe(Exit.ok);
  }, 240_000);

  it('shows a first deploy’s resources and permissions, although no ARN is known yet', async () => {
    const { code, text } = await planned({ name: 'first' });
    expect(code).toBe(Exit.ok);
    expect(text).toMatch(/^\d\d to create, 0 to change, 0 to replace, 0 to destroy\.$/m);
    expect(text).toContain('+ aws_s3_bucket.control, aws_s3_bucket.data, aws_s3_bucket.output');
    expect(text).toMatch(/StartInstance: allow ec2:StartInstances\n.*on aws_instance\.instance\n/);
    expect(text).toMatch(
      /OnlyOverTls: deny s3:\*\n.*by \*\n.*on aws_s3_bucket\.data, aws_s3_bucket\.data\/\*/,
    );
    expect(text).toContain('at rest, a month: 0.00 USD → ');
  }, 240_000);

  it('shows changed settings and their price, and writes the page for a comment', async () => {
    const file = join(pipeline.cloud.directory, 'plan.md');
    const { code, text } = await planned({ sweepMinutes: 10, diskGiB: 40 }, { markdown: file });
    expect(code).toBe(Exit.ok);
    expect(text).toContain('schedule_expression: "rate(5 minutes)" → "rate(10 minutes)"');
    expect(text).toContain('root_block_device[0].volume_size: 30 → 40');
    expect(text).toMatch(/at rest, a month: \d\.\d\d USD → \d\.\d\d USD/);
    const markdown = readFileSync(file, 'utf8');
    expect(markdown).toContain('```diff\n~ aws_cloudwatch_event_rule.sweep\n');
  }, 240_000);

  it('refuses, with exit code 2, to destroy buckets, models and logs, unless that is allowed', async () => {
    const refused = await planned({}, { destroy: true, json: true });
    expect(refused.code).toBe(2);
    const { refused: why } = JSON.parse(refused.text) as { refused: string[] };
    expect(why.join('\n')).toContain('aws_s3_bucket.control, aws_s3_bucket.data, aws_s3_bucket.output would');
    expect(why.join('\n')).toContain('aws_s3_object.model_puppet');
    expect(why.join('\n')).toContain('aws_cloudwatch_log_group.stop');
    const allowed = await planned({}, { destroy: true, allowDataLoss: true });
    expect(allowed.code).toBe(Exit.ok);
  }, 300_000);

  it('refuses to destroy resources that Terraform itself protects, whatever is allowed', async () => {
    const { code, message } = await planned({ disposable: false }, { destroy: true, allowDataLoss: true });
    expect(code).toBe(2);
    expect(message).toContain('- aws_s3_bucket.data\n');
    expect(message).toContain('"disposable": true');
  }, 240_000);

  it('refuses to stop the instance while a job is open, and only then', async () => {
    const other = { instanceType: 'c7i.xlarge' };
    const atRest = await planned(other);
    expect(atRest.code).toBe(Exit.ok);
    await pipeline.tag('lamplighter:pause', 'a test: the job stays open');
    const job = await pipeline.upload('open.txt', 'hello');
    await pipeline.isOpen(job);
    const refused = await planned(other);
    expect(refused.code).toBe(2);
    expect(refused.text).toContain('is stopped to change instance_type, and one job is open');
    expect((await planned(other, { allowInterruption: true })).code).toBe(Exit.ok);
    // The disk can grow while a model runs.
    expect((await planned({ diskGiB: 50 })).code).toBe(Exit.ok);
  }, 600_000);
});
