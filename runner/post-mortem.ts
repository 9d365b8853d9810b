import { ConflictError } from '../lifecycle/errors';
import { CLAIM_PREFIX, claimKey, jobIdInLedgerKey, openKey, stopKey } from '../lifecycle/job';
import { CLAIM_METADATA, stopSchema, type Claim, type EndedAttempts } from '../lifecycle/records';
import { readTrace } from '../lifecycle/trace';
import { claimable, readClaim, type ClaimReading } from './claim';
import type { DrainContext } from './context';
import { noteEnd, readAttempts } from './ended-attempts';

/** A claim of a dead drain of this machine. */
type DeadClaim = ClaimReading & { readonly record: Claim; readonly etag: string };

type Why = Pick<EndedAttempts, 'cause' | 'why' | 'death'>;

/**
 * D6: notes why the attempts of dead drains of this machine ended, and releases their claims. The claims of one boot are looked
 * at together: only a machine's death with one job alone on it says something about that job.
 *
 * The ends of all jobs of a boot are written before the first of their claims is released. If S3 fails or this drain dies
 * meanwhile, the next look finds the same claims, or each end noted. With fewer claims a job would look as if it had run alone.
 */
export async function noteDeaths(context: DrainContext): Promise<void> {
  const ofBoot = new Map<string, DeadClaim[]>();
  for (const claim of await deadClaims(context)) {
    const { bootId } = claim.record;
    ofBoot.set(bootId, [...(ofBoot.get(bootId) ?? []), claim]);
  }
  for (const [bootId, claims] of ofBoot) {
    const noted: { claim: DeadClaim; why: Why }[] = [];
    for (const claim of claims) {
      const why = await explain(context, bootId, claim, claims.length === 1);
      if (await noteDeath(context, claim, why)) noted.push({ claim, why });
    }
    for (const { claim, why } of noted) await release(context, claim, why).catch(ignoreConflict);
  }
}

async function deadClaims(context: DrainContext): Promise<DeadClaim[]> {
  const { control, host, drainId } = context;
  const dead: DeadClaim[] = [];
  for await (const { key } of control.list(CLAIM_PREFIX)) {
    const jobId = jobIdInLedgerKey(CLAIM_PREFIX, key);
    if (jobId === undefined) continue;
    const claim = await readClaim(context, jobId);
    if (claimable(claim, { machineId: host.machineId, drainId }) !== 'dead') continue;
    // A job that is not open has its receipt, and was not running when its drain died.
    if (await control.exists(openKey(jobId))) dead.push(claim as DeadClaim);
    else await control.delete(key);
  }
  return dead;
}

/**
 * Why the attempt ended, from the evidence of those that saw it: the drain's own note on the disk, or a function's record of
 * the stop. D21: a death that no part could look up does not count against the job.
 */
async function explain(
  context: DrainContext,
  bootId: string,
  { record, metadata }: DeadClaim,
  isAlone: boolean,
): Promise<Why> {
  const { host, control } = context;
  if (bootId === host.bootId) return { cause: 'wrapper', why: 'its drain died' };
  const note = await host.shutdownOf(bootId);
  if (note !== undefined) return { cause: 'machine', why: note };

  const went = { cause: 'machine', why: 'the machine went down while it ran' } as const;
  const notLookedUp: Why = { ...went, death: 'not looked up' };
  const launchedAt = metadata[CLAIM_METADATA.launchedAt];
  if (launchedAt === undefined || host.launchedAt === undefined) return notLookedUp;
  if (launchedAt !== host.launchedAt) {
    const { record: stop } = await control.read(stopKey(launchedAt), stopSchema);
    if (!stop) return notLookedUp;
    // `machine`: the drain notes an orderly shutdown of its own boot. Without the note, a later boot has shut the machine down,
    // as the idle timer does after a reboot that nobody announced.
    if (stop.by !== 'unknown' && stop.by !== 'machine')
      return { cause: stop.by === 'people' ? 'person' : 'machine', why: stop.why };
  }
  if (!isAlone) return { ...went, why: `${went.why}, with other jobs beside it`, death: 'with others' };
  return (await ranProgram(context, record)) ? { ...went, death: 'alone' } : went;
}

/** Whether the attempt's program had begun. The trace of a job that runs alone is the last one. */
async function ranProgram({ control }: DrainContext, { jobId, drainId }: Claim): Promise<boolean> {
  const { last } = await readTrace(control);
  return last?.did === 'claimed' && last.jobId === jobId && last.drainId === drainId;
}

/** False: the job's record is of a newer release. */
async function noteDeath(context: DrainContext, { record }: DeadClaim, why: Why): Promise<boolean> {
  const { jobId, attempt } = record;
  const attempts = await readAttempts(context, jobId);
  if (attempts.isNewer) return false;
  await noteEnd(context, jobId, attempts, { ...why, attempt }).catch(ignoreConflict);
  return true;
}

async function release(
  { control, log }: DrainContext,
  claim: DeadClaim,
  { why, ...end }: Why,
): Promise<void> {
  const { record, etag, metadata } = claim;
  const { jobId, attempt } = record;
  const released: Claim = { ...record, released: why };
  await control.replace<Claim>(claimKey(jobId), released, etag, metadata);
  log.warn('attempt of a dead drain ended', { jobId, attempt, why, ...end });
}

/** Another writer has the claim now, so it is not dead any more. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof ConflictError)) throw error;
}
