/** What is to happen to one chosen call of a history, for going through them all. */
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
  /** The how-manieth call of the history, from 0. */
  readonly call: number;
  readonly failure: CallFailure;
}
