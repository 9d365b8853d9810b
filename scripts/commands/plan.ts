import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../lifecycle/errors';
import { listOpenJobs } from '../../lifecycle/ledger';
import { Store } from '../../lifecycle/store';
import type { Terminal } from '../console/terminal';
import { Exit, type ExitCode, UsageError } from '../console/exit';
import { catchInterrupts } from '../console/interrupt';
import { announcedEnvironment } from '../../local-cloud/local-run';
import { makePlan } from '../plan/make-plan';
import { pageOf } from '../plan/page';
import { refusalsOf } from '../plan/refusals';
import { markdownOf, showPage } from '../plan/render';
import { reviewOf } from '../plan/review';
import { chooseSettings } from '../pipeline/chosen-settings';
import { type CloudChoice, type Target, chooseTarget } from '../pipeline/target';
import { sumOf } from '../prices/pipeline-price';
import { loadPrices } from '../prices/prices';
import { LOCAL_CLI_CONFIG, LOCAL_DIRECTORY, PROJECT, readCdktfConfig } from '../tools/project';
import { Children } from '../tools/children';
import { provideTerraformTools } from '../tools/provide';
import type { StackOptions } from '../tools/stack';
import { notRunning, withoutOwnCredentials } from './env';

export interface PlanOptions {
  readonly pipeline?: string | undefined;
  readonly cloud?: CloudChoice | undefined;
  /** Plans what `destroy` would do. */
  readonly destroy: boolean;
  /** Where the page is written as Markdown. */
  readonly markdown?: string | undefined;
  readonly json: boolean;
  readonly allowDataLoss: boolean;
  readonly allowInterruption: boolean;
}

/** What a test says instead of what the checkout says. */
export interface PlanPlace {
  readonly project?: string;
  readonly context?: object;
  /** The local cloud's folder. */
  readonly directory?: string;
}

/**
 * Shows what a deploy would change, for a reviewer; changes nothing. Ends in exit code 2 when the plan destroys or replaces
 * what holds data, or stops the instance while jobs are open, unless that is allowed.
 */
export async function plan(
  options: PlanOptions,
  terminal: Terminal,
  place: PlanPlace = {},
): Promise<ExitCode> {
  const interrupt = catchInterrupts(
    () => undefined,
    () => undefined,
  );
  const children = new Children(interrupt.signal);
  try {
    const { project = PROJECT, context = readCdktfConfig(project).context } = place;
    const settings = chooseSettings(options.pipeline, project, context);
    const { region, name } = settings;
    const target = await chooseTarget({ cloud: options.cloud, region, ...directoryOf(place) });
    const stack: StackOptions = {
      ...(await deployment(target, children, interrupt.signal, terminal, place)),
      project,
      context,
      stack: name,
      children,
      onStep: (text) => terminal.err(`${text} …`),
    };
    const made = await makePlan(stack, options);
    const allowed = { dataLoss: options.allowDataLoss, interruption: options.allowInterruption };
    const refusals = await refusalsOf(made.plan, allowed, async (bucket) => {
      return (await listOpenJobs(new Store(target.clients.s3, bucket))).length;
    });
    const review = reviewOf({ ...made, pipeline: name, region, prices: loadPrices() });
    const page = pageOf(review, refusals, target.cloud === 'local' ? 'the local cloud' : 'AWS');
    if (options.markdown !== undefined) await write(options.markdown, markdownOf(page));
    if (options.json) terminal.out(JSON.stringify(asJson(review, refusals, target), null, 2));
    else showPage(page, terminal);
    return refusals.length === 0 ? Exit.ok : Exit.usage;
  } finally {
    await children.endAll();
    interrupt.release();
  }
}

const directoryOf = ({ directory }: PlanPlace) => (directory === undefined ? {} : { directory });

/** Where and with what Terraform runs: as `cdktf deploy` would in a shell that is set up for the cloud. */
async function deployment(
  target: Target,
  children: Children,
  signal: AbortSignal,
  terminal: Terminal,
  place: PlanPlace,
): Promise<Pick<StackOptions, 'outputFolder' | 'environment' | 'terraform'>> {
  const say = (text: string) => terminal.err(text);
  const tools = await provideTerraformTools({ children, signal, cliConfigFile: LOCAL_CLI_CONFIG, say });
  const terraform = tools.terraform.program;
  if (target.cloud === 'local') {
    const announced = await announcedEnvironment(place.directory ?? LOCAL_DIRECTORY);
    const outputFolder = announced?.CDKTF_OUTPUT;
    if (outputFolder === undefined) throw await notRunning(place.directory ?? LOCAL_DIRECTORY);
    return { outputFolder, terraform, environment: { ...withoutOwnCredentials(process.env), ...announced } };
  }
  const { project = PROJECT } = place;
  const { output } = readCdktfConfig(project);
  const outputFolder =
    process.env.CDKTF_OUTPUT ?? join(project, typeof output === 'string' ? output : 'cdktf.out');
  const environment = { ...process.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', ...tools.variables };
  return { outputFolder, terraform, environment };
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new UsageError(`${file} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

function asJson(review: ReturnType<typeof reviewOf>, refused: readonly string[], { cloud }: Target) {
  const { price, ...rest } = review;
  const summed = (one: typeof price.before) =>
    one && { ...one, atRestUsd: sumOf(one.atRest) ?? null, perJobUsd: sumOf(one.perJob) ?? null };
  return {
    cloud,
    isEmpty: review.changes.length === 0 && review.outputs.length === 0,
    refused,
    ...rest,
    price: { ...price, before: summed(price.before) ?? null, after: summed(price.after) ?? null },
  };
}
