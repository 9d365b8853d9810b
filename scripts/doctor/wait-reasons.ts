import type { Clock } from '../../lifecycle/clock';
import type { PipelineHandle } from '../pipeline/connect';
import { lookAtAgent, lookAtGate, lookAtInstance, lookAtLastDrain, lookAtLedger } from './look';
import { isLive, waitReason } from './waiting';

/** Why each open job that does not run waits, by its id; of so many jobs as a look of the doctor's reads. */
export async function waitReasons(handle: PipelineHandle, clock: Clock): Promise<Map<string, string>> {
  const [instance, gate, agent, open, lastDrain] = await Promise.all([
    lookAtInstance(handle),
    lookAtGate(handle),
    lookAtAgent(handle),
    lookAtLedger(handle, clock),
    lookAtLastDrain(handle),
  ]);
  const facts = { instance, gate, agent, open, lastDrain };
  const now = clock.now();
  const waiting = (open?.jobs ?? []).filter(({ claim }) => !isLive(claim, now));
  return new Map(waiting.map((job) => [job.jobId, waitReason(facts, job, now)]));
}
