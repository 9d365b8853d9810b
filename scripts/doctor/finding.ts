import type { Facts } from './facts';

/** A finding without its name. */
export interface FoundTrouble {
  readonly what: string;
  readonly advice: string;
  /** The jobs that it is about. */
  readonly jobIds?: readonly string[];
}

/** The checks, by the names of their findings. A check returns nothing when all is well, or when the facts that decide it could not be read. `now` in milliseconds since the epoch. */
export type Finders = Readonly<
  Record<string, (facts: Facts, now: number) => FoundTrouble | readonly FoundTrouble[] | undefined>
>;

/** Maximum number of jobs or uploads that a finding names. */
export const NAMED = 5;
