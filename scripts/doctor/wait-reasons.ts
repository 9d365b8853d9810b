import type { Clock } from '../../lifecycle/clock';
import type { Scene } from '../operations/scene';
import { lookAtAgent, lookAtGate, lookAtInstance, lookAtLastDrain, lookAtLedger } from './look';
import { waitReason } from './waiting';

/** Why each open job does not run, or that it does, by its id; of so many jobs as a look of the doctor's reads. */
export async function waitReasons(scene: Scene, clock: Clock): Promise<Map<string, string>> {
  const [instance, gate, agent, open, lastDrain] = await Promise.all([
    lookAtInstance(scene),
    lookAtGate(scene),
    lookAtAgent(scene),
    lookAtLedger(scene, clock),
    lookAtLastDrain(scene),
  ]);
  const facts = { instance, gate, agent, open, lastDrain };
  const now = clock.now();
  return new Map((open?.jobs ?? []).map((job) => [job.jobId, waitReason(facts, job, now)]));
}
