import pLimit from 'p-limit';
import type { z } from 'zod';
import { InvalidInputError } from '../../lifecycle/errors';
import { SESSIONS_PREFIX } from '../../lifecycle/job';
import { receiptSchema, sessionSchema } from '../../lifecycle/records';
import type { PipelineHandle } from '../pipeline/connect';
import { describeInstance, isUnknownInstance } from '../pipeline/readings/instance';
import type { Records } from '../pipeline/readings/listed-records';
import { latestOf, listReceipts } from '../pipeline/readings/receipts';
import { REQUESTS_AT_ONCE } from '../pipeline/readings/requests';
import { hourPrice, loadPrices } from '../prices/prices';
import type { Readings } from './facts';
import { isOn } from './on-time';

/** Limits of one report: at most 100 lists and 3,000 + 2,000 gets, which cost a cent on AWS. */
export const RESULTS_LISTED = 100_000;
const RECEIPTS_READ = 3_000;
const SESSIONS_READ = 2_000;
/** Time before the period in which sessions are read too, because they may reach into it, in milliseconds. */
export const SESSION_MARGIN_MS = 7 * 24 * 3_600_000;

/** Where a report reads: the buckets themselves, or listings of them. */
export type ReportedPipeline = Pick<PipelineHandle, 'manifest' | 'target'> & {
  readonly control: Records;
  readonly output: Records;
};

/** Reads a pipeline's receipts and sessions. */
export class Collector {
  private readonly limit = pLimit(REQUESTS_AT_ONCE);

  constructor(private readonly handle: ReportedPipeline) {}

  /** Throws what the SDK throws. A record that cannot be read is counted, and does not hide the others. */
  async collect(sinceMs: number, nowMs: number): Promise<Readings> {
    const { manifest, target } = this.handle;
    const [receipts, sessions, instance] = await Promise.all([
      this.receipts(sinceMs),
      this.sessions(sinceMs),
      readInstance(this.handle),
    ]);
    const prices = loadPrices();
    return {
      pipeline: manifest.pipeline,
      region: manifest.region,
      cloud: target.cloud,
      outputBucket: manifest.outputBucket,
      drainLogGroup: manifest.drainLogGroup,
      nowMs,
      sinceMs,
      receipts: receipts.records,
      sessions: sessions.records,
      hasEarlier: receipts.hasEarlier,
      isWhole: receipts.isWhole && sessions.isWhole,
      unreadable: receipts.unreadable + sessions.unreadable,
      instance,
      usdPerHour: hourPrice(prices, manifest.region, instance?.type),
      pricesAsOf: prices.asOf,
    };
  }

  private async receipts(sinceMs: number) {
    const { output } = this.handle;
    const { receipts, isWhole } = await listReceipts(output, { names: RESULTS_LISTED });
    const found = receipts.filter(({ atMs }) => atMs >= sinceMs);
    const hasEarlier = found.length < receipts.length;
    const latest = latestOf(found, RECEIPTS_READ);
    const read = await this.read(output, latest, receiptSchema);
    return { ...read, hasEarlier, isWhole: isWhole && latest.length === found.length };
  }

  private async sessions(sinceMs: number) {
    const { control } = this.handle;
    const found: Found[] = [];
    for await (const { key, lastModified } of control.list(SESSIONS_PREFIX)) {
      const atMs = lastModified?.getTime() ?? 0;
      if (atMs >= sinceMs - SESSION_MARGIN_MS && key.endsWith('.json')) found.push({ key, atMs });
    }
    const read = await this.read(control, latestOf(found, SESSIONS_READ), sessionSchema);
    return { ...read, isWhole: found.length <= SESSIONS_READ };
  }

  private async read<T>(from: Records, found: readonly Found[], schema: z.core.$ZodType<T>) {
    let unreadable = 0;
    const one = async ({ key }: Found): Promise<T[]> => {
      try {
        const stored = await from.get(key, schema);
        return stored ? [stored.record] : [];
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        unreadable += 1;
        return [];
      }
    };
    const records = await Promise.all(found.map((each) => this.limit(() => one(each))));
    return { records: records.flat(), unreadable };
  }
}

interface Found {
  readonly key: string;
  readonly atMs: number;
}

/** The instance's state. Undefined: it no longer exists, and the report on its past is made all the same. */
async function readInstance({ target, manifest }: ReportedPipeline): Promise<Readings['instance']> {
  try {
    const found = await describeInstance(target.clients.ec2, manifest.instanceId);
    if (!found) return undefined;
    const { state, launchTime, type, isSpot } = found;
    return { isOn: isOn(state), launchedAtMs: launchTime?.getTime(), type, isSpot };
  } catch (error) {
    if (isUnknownInstance(error)) return undefined;
    throw error;
  }
}
