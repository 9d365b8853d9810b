import type { Clock } from '../../lifecycle/clock';
import { awsCodeOf, messageOf } from '../../lifecycle/errors';
import type { PipelineHandle } from '../pipeline/connect';
import { compareModels } from './compare-models';
import type { Facts } from './facts';
import { readFailedEvents } from './read-failed-events';
import { readFailedJobs } from './read-failed-jobs';
import { readGateFacts, readLastSweep, readLedger, readTrace } from './read-ledger';
import { readAgent, readInstanceIfAny, readLastDrain } from './read-machine';
import { readShortage } from '../pipeline/readings/shortage';
import { readUploads } from './read-uploads';

interface ReadFactsOptions {
  /** Maximum number of uploads that are compared with receipts. */
  readonly uploadsChecked: number;
  /** Age, in hours, above which a failed job is ignored. */
  readonly failedHours: number;
  /** `context.pipelines` of cdktf.json, and the folder that its models' paths are relative to. */
  readonly settings: () => { readonly pipelines: unknown; readonly project: string };
  /** Compares what is deployed with this checkout. @default no comparison */
  readonly plan?: (() => Promise<Facts['plan']>) | undefined;
}

/**
 * Reads everything once and changes nothing. A part that cannot be read is listed in `unseen`; the others are read all the
 * same. One reading costs at most some 200 requests to S3 and one per checked upload, however full the buckets are.
 */
export async function readFacts(
  handle: PipelineHandle,
  clock: Clock,
  options: ReadFactsOptions,
): Promise<Facts> {
  const unseen: { what: string; why: string }[] = [];
  const read = async <T>(what: string, reading: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await reading();
    } catch (error) {
      const code = awsCodeOf(error);
      unseen.push({ what, why: `${code === undefined ? '' : `${code}: `}${messageOf(error)}` });
      return undefined;
    }
  };
  const { manifest } = handle;
  const [
    instance,
    gate,
    shortage,
    agent,
    open,
    lastDrain,
    trace,
    lastSweep,
    failed,
    failedEvents,
    models,
    plan,
  ] = await Promise.all([
    read('the instance', () => readInstanceIfAny(handle)),
    read('the gate', () => readGateFacts(handle)),
    read('the shortage', () => readShortage(handle.control)),
    read('the agent', () => readAgent(handle)),
    read('the ledger', () => readLedger(handle, clock)),
    read('the last drain', () => readLastDrain(handle)),
    read('the last trace of work', () => readTrace(handle)),
    read('the last sweep', () => readLastSweep(handle)),
    read('the receipts', () => readFailedJobs(handle, clock, options.failedHours)),
    read('the queue of failed events', () => readFailedEvents(handle)),
    read("the models' folders", () => compareModels(manifest, options.settings())),
    read('terraform plan', () => options.plan?.()),
  ]);
  const uploads = await read('the uploads', () => readUploads(handle, clock, options.uploadsChecked));
  return {
    ...{ manifest, instance, gate, shortage, agent, open, lastDrain, trace, lastSweep },
    ...{ uploads, failed, failedEvents, models, plan, unseen },
  };
}
