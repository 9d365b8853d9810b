import pLimit from 'p-limit';
import { type Clock, systemClock } from '../../../lifecycle/clock';
import { shortId } from '../../../lifecycle/job';
import type { Manifest } from '../../../lifecycle/manifest';
import type { Gate, Receipt } from '../../../lifecycle/records';
import { print } from '../../console/print';
import { type Terminal, age, duration, printable } from '../../console/terminal';
import { endedFacts, endedFactsOf, endedText } from '../../pipeline/ended-attempts';
import { endedRow, rowLines } from '../../pipeline/list-jobs';
import { type PipelineOptions, type PipelineHandle, findHandle } from '../../pipeline/connect';
import { describeInstance } from '../../pipeline/readings/instance';
import { ListedLedger } from '../../pipeline/readings/listed-ledger';
import type { Records } from '../../pipeline/readings/listed-records';
import { ListedResults } from '../../pipeline/readings/listed-results';
import { listOpen } from '../../pipeline/readings/open-jobs';
import { readReceiptsSince } from '../../pipeline/readings/receipts';
import {
  type ReadResult,
  readAttempts,
  readClaim,
  readGate,
  readOpenRecord,
  readStatus,
} from '../../pipeline/readings/records';
import { readShortage, shortageText } from '../../pipeline/readings/shortage';
import { REQUESTS_AT_ONCE } from '../../pipeline/readings/requests';
import { statusText } from '../../pipeline/job-watch';
import { hourPrice, loadPrices, usd } from '../../prices/prices';
import { isOn } from '../../report/on-time';
import { readToday, sessionsFrom } from '../../report/today';
import type { Clients } from '../../pipeline/target';
import { withoutWork } from '../../pipeline/without-work';

/** Most names of one kind that are listed, and most jobs and receipts that are read, whatever the buckets hold. */
const OPEN_COUNTED = 1_000;
const OPEN_SHOWN = 20;
const RESULTS_LISTED = 5_000;
const RECEIPTS_SHOWN = 5;

const INDENT = '  ';

/** Shows a pipeline's instance, gate, open jobs, latest receipts, and how long it was on today. */
export async function status(options: PipelineOptions, terminal: Terminal): Promise<void> {
  const handle = await findHandle(options);
  const report = await new StatusReader(handle).read();
  if (options.json) {
    terminal.out(JSON.stringify(asJson(report), null, 2));
    return;
  }
  terminal.err(`Using ${handle.target.text}.`);
  print(terminal, reportLines(report, systemClock, terminal));
}

/**
 * Reads what `status` shows. Each read lists the control bucket, and then reads only what has changed since the last one. So
 * `status --watch` costs one request to S3 an interval if nothing has changed, however many jobs are open.
 */
export class StatusReader {
  private readonly ledger: ListedLedger;
  private readonly results: ListedResults;

  constructor(private readonly handle: PipelineHandle) {
    const { control, output } = handle;
    const from = () => sessionsFrom(systemClock.now());
    this.ledger = new ListedLedger(control, { most: OPEN_COUNTED, sessionsFrom: from });
    this.results = new ListedResults(output, this.ledger, RESULTS_LISTED);
  }

  async read() {
    const { target, manifest } = this.handle;
    const { ledger, results } = this;
    const [instance] = await Promise.all([readInstance(target.clients, manifest), ledger.refresh()]);
    await results.refresh();
    const [shortage, gate, open, receipts] = await Promise.all([
      readShortage(ledger),
      readGate(ledger),
      readOpen(ledger),
      readReceipts(results),
    ]);
    const price = hourPrice(loadPrices(), manifest.region, instance.type);
    const launchedAtMs = instance.launchTime === undefined ? undefined : Date.parse(instance.launchTime);
    const launch = { isOn: isOn(instance.state), launchedAtMs };
    const today = await readToday(ledger, launch, price, systemClock.now());
    return { cloud: target.cloud, manifest, instance, shortage, gate, open, receipts, today };
  }
}

/** What a look at one record gave: the record, nothing, or why it cannot be read. */
type Reading<T> = ReadResult<T> | undefined;

export type Report = Awaited<ReturnType<StatusReader['read']>>;
type ShownJob = Report['open']['jobs'][number];

/** The instance as the JSON has it. */
async function readInstance({ ec2 }: Clients, { instanceId: id }: Manifest) {
  const found = await describeInstance(ec2, id);
  const launchTime = found?.launchTime?.toISOString();
  const { type, phase, hold, pause } = found ?? {};
  return { id, state: found?.state ?? 'unknown', type, launchTime, phase, hold, pause };
}

async function readOpen(control: Records) {
  const { jobs: listed, isWhole } = await listOpen(control, { most: OPEN_COUNTED });
  const limit = pLimit(REQUESTS_AT_ONCE);
  const jobs = await Promise.all(
    listed.slice(0, OPEN_SHOWN).map(async ({ jobId }) => ({
      jobId,
      open: await limit(() => readOpenRecord(control, jobId)),
      claim: await limit(() => readClaim(control, jobId)),
      status: await limit(() => readStatus(control, jobId)),
      attempts: await limit(() => readAttempts(control, jobId)),
    })),
  );
  return { count: listed.length, isCountWhole: isWhole, jobs };
}

/** S3 lists by name, not by time. The latest receipts are therefore the latest of those that one reading lists. */
async function readReceipts(output: Records) {
  const bounds = { limit: RECEIPTS_SHOWN, names: RESULTS_LISTED };
  const { receipts, isListed } = await readReceiptsSince(output, 0, bounds);
  return { latest: receipts, isListWhole: isListed };
}

/** The report for people. */
export function reportLines(
  report: Report,
  clock: Clock,
  { colours, columns }: Pick<Terminal, 'colours' | 'columns'>,
): string[] {
  const { manifest, instance, shortage, gate, open, receipts, today } = report;
  const ageOf = (time: string) => age(time, clock.now());
  const line = (what: string, text: string) =>
    `${colours.bold(what)}${' '.repeat(10 - what.length)}${printable(text, 1000)}`;
  const models = manifest.models.map(({ name }) => name).join(', ');
  const phase = instance.phase === undefined ? '' : `, phase ${instance.phase}`;
  const lines = [
    line('Pipeline', `${manifest.pipeline} (${manifest.region}), models: ${models}`),
    line('Uploads', `s3://${manifest.dataBucket}/`),
    line('Instance', `${instance.id} is ${instance.state}${phase}`),
  ];
  if (instance.hold !== undefined)
    lines.push(line('', `held, does not stop: lamplighter:hold = ${instance.hold}`));
  if (instance.pause !== undefined)
    lines.push(line('', `paused, does not start: lamplighter:pause = ${instance.pause}`));
  if (shortage && instance.state !== 'running') lines.push(line('', shortageText(shortage, clock.now())));
  const price = today.usd === undefined ? '' : `, ${usd(today.usd)} at most`;
  const onToday =
    today.onSeconds === 0
      ? 'not on since midnight UTC'
      : `on for ${duration(today.onSeconds * 1000)} since midnight UTC${price}`;
  lines.push(line('Today', onToday));
  lines.push(line('Gate', gateText(gate, ageOf)));
  const count = `${open.count}${open.isCountWhole ? '' : ' or more'}`;
  lines.push(line('Open', open.count === 0 ? 'no job' : count));
  for (const job of open.jobs) {
    for (const text of openTexts(job, ageOf)) lines.push(`${INDENT}${printable(text, 1000)}`);
  }
  if (open.count > open.jobs.length) lines.push(`  and ${open.count - open.jobs.length} more`);
  const which = receipts.isListWhole ? '' : `, among the first ${RESULTS_LISTED} results by name`;
  lines.push(line('Receipts', receipts.latest.length === 0 ? 'none yet' : `the latest${which}`));
  for (const receipt of receipts.latest) {
    const room = { colours, columns: columns === undefined ? undefined : columns - INDENT.length };
    for (const text of rowLines(endedRow(receipt), clock.now(), room)) lines.push(`${INDENT}${text}`);
  }
  return lines;
}

function gateText(gate: Reading<Gate>, ageOf: (time: string) => string): string {
  if (!gate) return 'never opened';
  if ('trouble' in gate) return `unreadable: ${gate.trouble}`;
  const { state, since, fruitless } = gate.record;
  return `${state} for ${ageOf(since)}${withoutWork(fruitless)}`;
}

/** The job, and below it its ended attempts, if there are any. */
function openTexts(
  { jobId, open, claim, status: reading, attempts }: ShownJob,
  ageOf: (time: string) => string,
): string[] {
  const what =
    open && 'record' in open
      ? `${open.record.input.key}  admitted ${ageOf(open.record.admittedAt)} ago`
      : (open?.trouble ?? 'its record is gone: the job has just ended');
  const ended = endedText(endedFactsOf(attempts));
  const progress = reading && 'record' in reading ? `  ${statusText(reading.record)}` : '';
  const text = `${shortId(jobId)}  ${what}${attemptText(claim, ended)}${progress}`;
  return ended === undefined ? [text] : [text, `${INDENT}${ended}`];
}

/** @param ended the text of the ended attempts, which says why the last one ended */
function attemptText(claim: ShownJob['claim'], ended: string | undefined): string {
  if (!claim || 'trouble' in claim) return '  not started';
  const { attempt, released } = claim.record;
  if (released === undefined) return `  attempt ${attempt}`;
  return ended === undefined ? `  attempt ${attempt} ended: ${released}` : `  attempt ${attempt} ended`;
}

export function asJson({ cloud, manifest, instance, shortage, gate, open, receipts, today }: Report) {
  const plain = <T>(reading: Reading<T>) =>
    reading && 'record' in reading ? reading.record : (reading ?? null);
  return {
    command: 'status',
    cloud,
    pipeline: manifest.pipeline,
    manifest,
    instance,
    shortage: shortage ?? null,
    gate: plain(gate),
    open: {
      count: open.count,
      isCountWhole: open.isCountWhole,
      jobs: open.jobs.map((job) => ({
        jobId: job.jobId,
        open: plain(job.open),
        claim: plain(job.claim),
        status: plain(job.status),
        ...endedFactsOf(job.attempts),
      })),
    },
    receipts: { ...receipts, latest: receipts.latest.map(withEnded) },
    today,
  };
}

const withEnded = (receipt: Receipt) => ({ ...receipt, ...endedFacts(receipt.endedAttempts) });
