import { awsCodeOf, httpStatusOf, messageOf } from '../lifecycle/errors';
import type { EndCause } from '../lifecycle/records';
import { errnoOf } from './errno';
import {
  AttemptFailure,
  InputRefusedError,
  Interruption,
  JobFailure,
  KilledError,
  type FailureFacts,
} from './failures';

/** What ended an attempt without a result. */
export interface Ending {
  readonly cause: EndCause;
  /** True: no other attempt can end differently. The job fails. */
  readonly isFinal: boolean;
  /** The kind in a failed receipt. */
  readonly kind: string;
  readonly why: string;
  readonly facts: FailureFacts;
  /** S3 refused to read the input. */
  readonly isInputRefused: boolean;
  /** SIGKILL ended the program, and it is not known who sent it. */
  readonly wasKilled: boolean;
}

/**
 * D28: decides what ended an attempt. No other code decides that. An error that is not known to be of the model is not the
 * model's: it never counts towards `maxAttempts`.
 */
export function endingOf(thrown: unknown): Ending {
  const none = {
    isFinal: false,
    kind: 'interrupted',
    why: messageOf(thrown),
    facts: {},
    isInputRefused: false,
    wasKilled: false,
  };
  if (thrown instanceof JobFailure || thrown instanceof AttemptFailure) {
    const { kind, facts } = thrown;
    return { ...none, cause: 'model', isFinal: thrown instanceof JobFailure, kind, facts };
  }
  if (thrown instanceof Interruption) {
    const isInputRefused = thrown instanceof InputRefusedError;
    return { ...none, cause: thrown.endCause, isInputRefused, wasKilled: thrown instanceof KilledError };
  }
  if (errnoOf(thrown) === 'ENOSPC' || errnoOf(thrown) === 'EDQUOT') {
    const why = "the instance's disk is full; raise diskGiB in the pipeline's settings";
    return { ...none, cause: 'machine', why };
  }
  if (isWeather(thrown)) return { ...none, cause: 'weather' };
  if (isRefusal(thrown))
    return { ...none, cause: 'storage', why: `AWS refuses a request: ${describe(thrown)}` };
  return { ...none, cause: isOfTheDisk(thrown) ? 'machine' : 'wrapper' };
}

/** An answer of AWS that refuses the request, such as 403. Another try helps only after a person has changed something. */
export function isRefusal(thrown: unknown): boolean {
  const status = httpStatusOf(thrown) ?? 0;
  return status >= 400 && status < 500 && !isWeather(thrown);
}

/** AWS or the network is in trouble that passes. */
export function isWeather(thrown: unknown): boolean {
  const status = httpStatusOf(thrown);
  // An error of a socket or a stream may have a code and no system call.
  const code = `${awsCodeOf(thrown) ?? ''} ${codeOf(thrown)}`;
  if (status !== undefined && (status >= 500 || status === 408 || status === 429)) return true;
  return PASSING_CODES.test(code);
}

/**
 * Codes of AWS, of the SDK and of sockets. Some throttling answers have the status 400, and an error without an answer has
 * none. CredentialsProviderError: the metadata service did not answer.
 */
const PASSING_CODES =
  /Throttl|TimeoutError|RequestTimeout|SlowDown|CredentialsProviderError|ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ERR_STREAM_PREMATURE_CLOSE/;

function codeOf(thrown: unknown): string {
  const hasCode = typeof thrown === 'object' && thrown !== null && 'code' in thrown;
  return hasCode && typeof thrown.code === 'string' ? thrown.code : '';
}

/** True for an error of a file operation, which names its path. */
function isOfTheDisk(thrown: unknown): boolean {
  return errnoOf(thrown) !== undefined && thrown instanceof Error && 'path' in thrown;
}

function describe(thrown: unknown): string {
  const [code, message] = [awsCodeOf(thrown), messageOf(thrown)];
  return code === undefined || message.includes(code) ? message : `${code}: ${message}`;
}
