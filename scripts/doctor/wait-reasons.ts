import type { Clock } from '../../lifecycle/clock';
import type { PipelineHandle } from '../pipeline/connect';
import { isLive } from '../pipeline/readings/records';
import { readShortage } from '../pipeline/readings/shortage';
import { readGateFacts, readLedger } from './read-ledger';
import { readAgent, readInstanceIfAny, readLastDrain } from './read-machine';
import { waitReason } from './waiting';

/** Why each waiting job waits, by job id. It knows only the jobs that `readLedger` reads. */
export async function waitReasons(handle: PipelineHandle, clock: Clock): Promise<Map<string, string>> {
  const [instance, gate, shortage, agent, open, lastDrain] = await Promise.all([
    readInstanceIfAny(handle),
    readGateFacts(handle),
    readShortage(handle.control),
    readAgent(handle),
    readLedger(handle, clock),
    readLastDrain(handle),
  ]);
  const facts = { instance, gate, shortage, agent, open, lastDrain };
  const now = clock.now();
  const waiting = open.jobs.filter(({ claim }) => !isLive(claim, now));
  return new Map(waiting.map((job) => [job.jobId, waitReason(facts, job, now)]));
}
