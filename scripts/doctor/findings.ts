import { modelsDiffer, planDiffers } from './checkout-findings';
import type { Facts } from './facts';
import type { Finder, FoundTrouble } from './finding';
import {
  claimWithoutJob,
  failedEvents,
  failedJobs,
  jobWaits,
  lostUpload,
  openUnreadable,
  openWithoutUpload,
} from './job-findings';
import {
  agentSilent,
  breakerCounting,
  breakerTripped,
  drainFailed,
  gateStuck,
  gateUnreadable,
  held,
  noInstance,
  onWithNothingOpen,
  paused,
  sweepMissed,
} from './machine-findings';

/** The gravest first. Each has its chapter in docs/OPERATIONS.md, of the same name. */
const FINDERS = {
  'no-instance': noInstance,
  'breaker-tripped': breakerTripped,
  paused,
  held,
  'on-with-nothing-open': onWithNothingOpen,
  'agent-silent': agentSilent,
  'gate-unreadable': gateUnreadable,
  'gate-stuck': gateStuck,
  'drain-failed': drainFailed,
  'breaker-counting': breakerCounting,
  'sweep-missed': sweepMissed,
  'job-waits': jobWaits,
  'open-unreadable': openUnreadable,
  'open-without-upload': openWithoutUpload,
  'claim-without-job': claimWithoutJob,
  'lost-upload': lostUpload,
  'job-failed': failedJobs,
  'failed-events': failedEvents,
  'models-differ': modelsDiffer,
  'plan-differs': planDiffers,
} as const satisfies Readonly<Record<string, Finder>>;

export type FindingName = keyof typeof FINDERS;

export const FINDING_NAMES = Object.keys(FINDERS) as readonly FindingName[];

/** Something that is not as it should be. */
export interface Finding extends FoundTrouble {
  readonly name: FindingName;
}

/** Everything that is not as it should be, the gravest first. `now` in milliseconds since the epoch. */
export function findings(facts: Facts, now: number): Finding[] {
  return FINDING_NAMES.flatMap((name) => {
    const finder: Finder = FINDERS[name];
    const found = [finder(facts, now) ?? []].flat();
    return found.map((trouble) => ({ name, ...trouble }));
  });
}
