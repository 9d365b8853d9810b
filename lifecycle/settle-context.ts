import type { LedgerContext } from './context';
import type { Metrics } from './metrics';

/** The pipeline's parts and the stop function's settings. `settle` and the rules that it calls work on them. */
export interface SettleContext extends LedgerContext {
  /** The stop function's own time limit. A CLOSING gate older than this, plus a margin, is abandoned. */
  readonly timeLimitSeconds: number;
  /** Consecutive wake-ups without work after which the breaker trips. */
  readonly breakerWakeUps: number;
  /** Seconds for which the instance stays on after the last job, for the next upload. 0: the instance stops at once. */
  readonly lingerSeconds: number;
  /** EC2 may interrupt a spot instance, and later restarts it whether or not a job is open. @default false */
  readonly isSpot?: boolean;
  /** Receives the values that operators watch. @default no metrics */
  readonly metrics?: Metrics | undefined;
}

/** The event that called the stop function. */
export type Cause =
  | { readonly kind: 'receipt'; readonly jobIds: readonly string[] }
  | { readonly kind: 'instance running' }
  | { readonly kind: 'instance stopped'; readonly eventTime: string }
  | { readonly kind: 'drain ended'; readonly commandId: string }
  /** `afterHold`: a person has ended a hold. */
  | { readonly kind: 'sweep'; readonly afterHold?: true };
