/** The ways in which one chosen call of a history can fail. */
export const CALL_FAILURES = [
  'crash before',
  'crash after',
  'answer lost',
  'call failed',
  'call given up',
  'machine crash',
] as const;

export type CallFailure = (typeof CALL_FAILURES)[number];

export interface CrashPoint {
  /** The index of the call in the history, from 0. */
  readonly call: number;
  readonly failure: CallFailure;
}
