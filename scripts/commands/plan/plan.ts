import { writeFile } from 'node:fs/promises';
import { messageOf } from '../../../lifecycle/errors';
import { listOpenJobs } from '../../../lifecycle/ledger';
import { Store } from '../../../lifecycle/store';
import { Exit, type ExitCode, UsageError } from '../../console/exit';
import { catchInterrupts } from '../../console/interrupt';
import type { Terminal } from '../../console/terminal';
import { chooseSettings } from '../../pipeline/chosen-settings';
import { type CloudChoice, type Target, chooseTarget } from '../../pipeline/target';
import { makePlan } from '../../plan/make-plan';
import { pageOf } from '../../plan/page';
import { refusalsOf, type Allowed } from '../../plan/refusals';
import { markdownOf, showPage } from '../../plan/render';
import { reviewOf } from '../../plan/review';
import { sumOf } from '../../prices/pipeline-price';
import { loadPrices } from '../../prices/prices';
import { Children } from '../../tools/children';
import { LOCAL_DIRECTORY, PROJECT_FOLDER, readCdktfConfig } from '../../tools/project';
import type { StackOptions } from '../../tools/stack';
import { terraformPlace } from './terraform-place';

export interface PlanOptions {
  readonly pipeline?: string | undefined;
  readonly cloud?: CloudChoice | undefined;
  readonly destroy: boolean;
  /** File for the page as Markdown. */
  readonly markdown?: string | undefined;
  readonly json: boolean;
  readonly allowDataLoss: boolean;
  readonly allowInterruption: boolean;
  readonly allowKeyChange: boolean;
}

/** A test's replacements for this checkout. */
interface PlanPlace {
  readonly project?: string;
  readonly context?: object;
  /** Folder of the local cloud. */
  readonly directory?: string;
}

/**
 * Shows a reviewer what a deploy would change; changes nothing. Returns exit code 2 when the plan is refused.
 * A plan is refused if it destroys or replaces a resource that holds data, or stops the instance while jobs are open. It is
 * also refused if it locks the pipeline out of its own records. The options can allow each of the three.
 */
export async function plan(
  options: PlanOptions,
  terminal: Terminal,
  place: PlanPlace = {},
): Promise<ExitCode> {
  const interrupt = catchInterrupts();
  const { signal } = interrupt;
  const children = new Children(signal);
  try {
    const { project = PROJECT_FOLDER, directory = LOCAL_DIRECTORY } = place;
    const { context = readCdktfConfig(project).context } = place;
    const settings = chooseSettings(options.pipeline, project, context);
    const { region, name, formerKmsKeyArns } = settings;
    const target = await chooseTarget({ cloud: options.cloud, region, directory });
    const stack: StackOptions = {
      ...(await terraformPlace({ target, children, signal, terminal, project, directory })),
      project,
      context,
      stack: name,
      children,
      onStep: (text) => terminal.err(`${text} …`),
    };
    const made = await makePlan(stack, options);
    const countOpenJobs = async (bucket: string) =>
      (await listOpenJobs(new Store(target.clients.s3, bucket))).length;
    const refusals = await refusalsOf(made.plan, allowedBy(options), countOpenJobs, formerKmsKeyArns);
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

function allowedBy({ allowDataLoss, allowInterruption, allowKeyChange }: PlanOptions): Allowed {
  return { dataLoss: allowDataLoss, interruption: allowInterruption, keyChange: allowKeyChange };
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new UsageError(`Cannot write ${file}: ${messageOf(cause)}`, { cause });
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
