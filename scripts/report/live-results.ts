import { RESULTS_PREFIX, attemptPrefix, receiptKey } from '../../lifecycle/job';
import { bytes } from '../console/terminal';
import { Markup, escaped, markup } from './markup';
import { dateTime, section, table } from './parts';
import type { ReportedReceipt } from './records';

/** A result file of a job, as the live page links it. */
export interface ResultLink {
  readonly key: string;
  /** The file's path below its attempt's prefix. */
  readonly name: string;
  readonly sizeBytes?: number;
}

export const RESULTS_PATH = '/results';

type Ended = Pick<ReportedReceipt, 'jobId' | 'input' | 'attempt' | 'outputs'>;

export function resultLinks({ jobId, input, attempt, outputs = [] }: Ended): ResultLink[] {
  const prefix = attemptPrefix(input.key, jobId, attempt);
  return outputs
    .filter(({ key }) => isResultKey(key))
    .map(({ key, sizeBytes }) => ({
      ...{ key, sizeBytes },
      name: key.startsWith(prefix) ? key.slice(prefix.length) : key.slice(key.lastIndexOf('/') + 1),
    }));
}

/** S3's limit. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;
const OF_A_JOB = /^.+\/[0-9a-f]{64}\/(?:receipt\.json|attempt-\d+\/.+)$/s;

/** Whether a key is a receipt's or an attempt's file's. Segments `.` and `..` are refused: a client would resolve them. */
export function isResultKey(key: string): boolean {
  return (
    key.startsWith(RESULTS_PREFIX) &&
    OF_A_JOB.test(key.slice(RESULTS_PREFIX.length)) &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    !key.split('/').some((segment) => segment === '.' || segment === '..')
  );
}

/** Maximum links of one job. */
const LINKS_SHOWN = 10;

/** `a.csv (1.2 kB), b.csv (3 B)`, each a download. */
export function linksOf(links: readonly ResultLink[], inputKey: string): Markup {
  const one = ({ key, name, sizeBytes }: ResultLink) => {
    const url = new Markup(escaped(`${RESULTS_PATH}?${new URLSearchParams({ key }).toString()}`));
    const size = sizeBytes === undefined ? '' : ` (${bytes(sizeBytes)})`;
    return markup`<a href="${url}" download aria-label="Download ${name} of ${inputKey}">${name}</a>${size}`;
  };
  const shown = links.slice(0, LINKS_SHOWN);
  const rest = links.length - shown.length;
  const more = rest > 0 ? ` and ${rest} more: npx lamplighter results copies all` : '';
  return markup`${shown.map((link, index) => [index > 0 ? ', ' : '', one(link)])}${more}`;
}

/** Maximum jobs in the table of results. */
const JOBS_SHOWN = 20;

/** The latest jobs with their result files, also of uploads that were not made on this page. */
export function resultsSection(receipts: readonly ReportedReceipt[]): Markup {
  const latest = [...receipts].sort((a, b) => (a.endedAt < b.endedAt ? 1 : -1)).slice(0, JOBS_SHOWN);
  const files = (receipt: ReportedReceipt) => {
    const { jobId, input, outcome } = receipt;
    const links = [...resultLinks(receipt), { key: receiptKey(input.key, jobId), name: 'receipt.json' }];
    const mark = outcome === 'failed' ? markup`<span class="bad">failed</span>: ` : undefined;
    return markup`${mark}${linksOf(links, input.key)}`;
  };
  return section(
    'results',
    'Results',
    latest.length === 0
      ? markup`<p class="muted">No job has ended yet.</p>`
      : table(
          'Result files of the latest jobs, to download',
          [['Upload', 'key'], ['Ended (UTC)'], ['Files', 'key']],
          latest.map((receipt) => [receipt.input.key, dateTime(Date.parse(receipt.endedAt)), files(receipt)]),
        ),
  );
}
