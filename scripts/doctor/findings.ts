import { CHECKOUT_FINDERS } from './checkout-findings';
import type { Facts } from './facts';
import type { Finders, FoundTrouble } from './finding';
import { JOB_FINDERS } from './job-findings';
import { MACHINE_FINDERS } from './machine-findings';

/** The gravest first. Each has its chapter in docs/OPERATIONS.md, of the same name. */
const FINDERS = { ...MACHINE_FINDERS, ...JOB_FINDERS, ...CHECKOUT_FINDERS };

export type FindingName = keyof typeof FINDERS;

export const FINDING_NAMES = Object.keys(FINDERS) as readonly FindingName[];

/** Something that is not as it should be. */
export interface Finding extends FoundTrouble {
  readonly name: FindingName;
}

/** Everything that is not as it should be, the gravest first. `now` in milliseconds since the epoch. */
export function findings(facts: Facts, now: number): Finding[] {
  return FINDING_NAMES.flatMap((name) => {
    const finders: Finders = FINDERS;
    return [finders[name]?.(facts, now) ?? []].flat().map((trouble) => ({ name, ...trouble }));
  });
}
