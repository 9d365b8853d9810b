import type { Receipt, Session as SessionRecord } from '../../lifecycle/records';

type Carried =
  | 'jobId'
  | 'outcome'
  | 'attempt'
  | 'uploadedAt'
  | 'admittedAt'
  | 'claimedAt'
  | 'startedAt'
  | 'endedAt'
  | 'error'
  | 'stderrTail'
  | 'bill'
  | 'endedAttempts';

/** The parts of a receipt that a report needs. */
export interface ReportedReceipt extends Pick<Receipt, Carried> {
  readonly input: Pick<Receipt['input'], 'key' | 'sizeBytes'>;
  readonly model: Pick<Receipt['model'], 'name'>;
  readonly outputs?: Receipt['outputs'];
  readonly instance?: Pick<Receipt['instance'], 'bootId'>;
}

/** The parts of a session that a report needs. */
export type Session = Pick<SessionRecord, 'launchedAt' | 'stoppedAt' | 'approximate'>;
