import { hash } from 'node:crypto';

/** One version of one object in the data bucket. */
export interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
}

/** Maximum length of an S3 key, in bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;

/** Bytes of a key that are reserved for `results/`, `/<jobId>/`, `attempt-<n>/` and the model's own file names. */
const RESERVED_KEY_BYTES = 324;

/** Maximum length, in bytes, of an input key that is not cut in the keys of its results. */
const MAX_RESULT_LABEL_BYTES = MAX_KEY_BYTES - RESERVED_KEY_BYTES;

/**
 * The version id of an object that S3 stored without versioning. S3 keeps one such version of a key. A new bucket may need
 * 15 minutes until each write gets a version of its own.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.md
 */
export const NO_VERSION = 'null';

const JOB_ID = /^[0-9a-f]{64}$/;

const SHORT_ID_DIGITS = 12;

/** The job id: hex SHA-256 of the upload's bucket, key and version, 64 characters. */
export function jobIdOf({ bucket, key, versionId }: Upload): string {
  return hash('sha256', JSON.stringify([bucket, key, versionId]), 'hex');
}

export function isJobId(text: string): boolean {
  return JOB_ID.test(text);
}

/** The first 12 digits of a job id, as people read and type it. */
export const shortId = (jobId: string) => jobId.slice(0, SHORT_ID_DIGITS);

export const OPEN_PREFIX = 'open/';
export const CLAIM_PREFIX = 'claims/';
export const STATUS_PREFIX = 'status/';
export const ATTEMPTS_PREFIX = 'attempts/';
export const SESSIONS_PREFIX = 'sessions/';
const STOPS_PREFIX = 'stops/';
export const RESULTS_PREFIX = 'results/';
export const GATE_KEY = 'gate.json';
export const WAKE_REQUEST_KEY = 'wake.json';
export const SHORTAGE_KEY = 'capacity.json';
export const ORDERS_KEY = 'orders.json';
/** The drain writes this object at every claim and every receipt: the trace of work that the breaker reads. */
export const DRAIN_STATUS_KEY = `${STATUS_PREFIX}drain.json`;
export const AUDIT_CURSOR_KEY = 'audit.json';

export const openKey = (jobId: string) => `${OPEN_PREFIX}${jobId}.json`;
export const claimKey = (jobId: string) => `${CLAIM_PREFIX}${jobId}.json`;
export const statusKey = (jobId: string) => `${STATUS_PREFIX}${jobId}.json`;
export const attemptsKey = (jobId: string) => `${ATTEMPTS_PREFIX}${jobId}.json`;

/** The key of the reason why the instance stopped after a launch, in ISO 8601. */
export const stopKey = (launchedAt: string) => `${STOPS_PREFIX}${launchedAt}.json`;

/** The key of one on-time of the instance. The launch is in ISO 8601, so the order of the keys is the order of time. */
export const sessionKey = (launchedAt: string) => `${SESSIONS_PREFIX}${launchedAt}.json`;

/** The job id in a key such as `open/<jobId>.json`, or undefined if the key has another form. */
export function jobIdInLedgerKey(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.endsWith('.json')) return undefined;
  const jobId = key.slice(prefix.length, -'.json'.length);
  return isJobId(jobId) ? jobId : undefined;
}

/** The prefix of one job's objects in the output bucket: `results/<input key>/<jobId>/`. */
export function resultsPrefix(inputKey: string, jobId: string): string {
  return `${RESULTS_PREFIX}${resultLabel(inputKey)}/${jobId}/`;
}

/** The prefix of one attempt's files: `results/<input key>/<jobId>/attempt-<n>/`. */
export function attemptPrefix(inputKey: string, jobId: string, attempt: number): string {
  return `${resultsPrefix(inputKey, jobId)}attempt-${attempt}/`;
}

export function receiptKey(inputKey: string, jobId: string): string {
  return `${resultsPrefix(inputKey, jobId)}receipt.json`;
}

/** The job id in a receipt's key, or undefined if no receipt can have that key (such as a model's own receipt.json). */
export function jobIdInReceiptKey(key: string): string | undefined {
  return /^results\/.*\/([0-9a-f]{64})\/receipt\.json$/s.exec(key)?.[1];
}

/**
 * The input key as it appears in the keys of its results. It is for people only: the job id after it keeps results apart.
 *
 * - A segment `.` or `..` is written in percent form, because S3 and HTTP clients would resolve it.
 * - A key that leaves too little room for the results is cut at a character and marked with `~`.
 * - The receipt holds the full key.
 */
function resultLabel(inputKey: string): string {
  const readable = inputKey
    .split('/')
    .map((segment) => (segment === '.' || segment === '..' ? segment.replaceAll('.', '%2E') : segment))
    .join('/');
  if (Buffer.byteLength(readable) <= MAX_RESULT_LABEL_BYTES) return readable;
  let bytes = 0;
  let end = 0;
  for (const character of readable) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_RESULT_LABEL_BYTES - 1) break;
    end += character.length;
  }
  return `${readable.slice(0, end)}~`;
}

/**
 * Decodes a key of an S3 event, or of a listing with EncodingType=url. Both are form-encoded: `red+flower.csv` is
 * `red flower.csv`. Throws URIError.
 */
export function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}
