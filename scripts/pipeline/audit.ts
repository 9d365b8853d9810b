import { admit } from '../../lifecycle/admit';
import type { Clock } from '../../lifecycle/clock';
import { Worker } from '../../lifecycle/context';
import { messageOf } from '../../lifecycle/errors';
import { shortId } from '../../lifecycle/job';
import { silentLog } from '../../lifecycle/log';
import type { Terminal } from '../console/terminal';
import { printable } from '../console/terminal';
import type { PipelineHandle } from './connect';
import { EVENT_GRACE_MS, type ListedUpload, hasJob, listUploads } from './list-uploads';
import { listOpen } from './readings/open-jobs';
import { listReceipts } from './readings/receipts';
import { sweepNow, sweepText } from './sweep';

/** Counts of the uploads that a model accepts. */
interface Audit {
  readonly uploads: number;
  readonly ended: number;
  readonly open: number;
  /** Uploads that are so new that S3 may still deliver their event. */
  readonly young: number;
  /** Uploads with neither a receipt nor an open record. */
  readonly lost: readonly ListedUpload[];
  /** Jobs with more than one receipt, which must never happen. */
  readonly doubled: readonly string[];
}

/** Compares every version of every upload that a model accepts with receipts and open records. It reads names only. */
export async function audit(handle: PipelineHandle, clock: Clock): Promise<Audit> {
  const open = new Set((await listOpen(handle.control)).jobs.map(({ jobId }) => jobId));
  // Receipts are listed after open records: a drain creates the receipt before it deletes the open record.
  const receipts = new Map<string, number>();
  for (const { jobId } of (await listReceipts(handle.output)).receipts)
    receipts.set(jobId, (receipts.get(jobId) ?? 0) + 1);

  const counts = { uploads: 0, ended: 0, open: 0, young: 0 };
  const lost: ListedUpload[] = [];
  const doubled: string[] = [];
  for await (const upload of listUploads(handle)) {
    counts.uploads += 1;
    const found = receipts.get(upload.jobId) ?? 0;
    if (found > 1) doubled.push(upload.jobId);
    if (found > 0) counts.ended += 1;
    else if (open.has(upload.jobId)) counts.open += 1;
    else if (clock.now() - (upload.uploadedAt?.getTime() ?? 0) < EVENT_GRACE_MS) counts.young += 1;
    // The trigger may have admitted the upload after the lists were read.
    else if (await hasJob(handle, upload)) counts.open += 1;
    else lost.push(upload);
  }
  return { ...counts, lost, doubled };
}

interface Admitted {
  readonly admitted: readonly string[];
  readonly refused: readonly { readonly key: string; readonly why: string }[];
  /** What the sweep afterwards did. Undefined: no sweep was needed. */
  readonly sweep: string | undefined;
}

/** Admits lost uploads as the trigger does, then sweeps. An upload that cannot be admitted does not stop the others. */
export async function admitLost(
  handle: PipelineHandle,
  lost: readonly ListedUpload[],
  clock: Clock,
): Promise<Admitted> {
  const { target, manifest, control, output, instance } = handle;
  const { s3, lambda } = target.clients;
  const context = {
    ...{ pipeline: manifest.pipeline, s3, control, output, instance, clock, log: silentLog },
    dataBucket: manifest.dataBucket,
    models: manifest.models,
    worker: new Worker(lambda, manifest.functions.worker),
    by: 'lamplighter audit',
  };
  const admitted: string[] = [];
  const refused: { key: string; why: string }[] = [];
  for (const { jobId, key, versionId, sizeBytes, uploadedAt } of lost) {
    const upload = { bucket: manifest.dataBucket, key, versionId, sizeBytes };
    try {
      await admit(context, { ...upload, uploadedAt: uploadedAt?.toISOString() }, 'audit');
      admitted.push(jobId);
    } catch (error) {
      refused.push({ key, why: messageOf(error) });
    }
  }
  if (admitted.length === 0) return { admitted, refused, sweep: undefined };
  return {
    admitted,
    refused,
    sweep: await sweepText(handle, await sweepNow(handle, `${admitted.length} admitted`)),
  };
}

/** Maximum number of lost uploads that are printed. The JSON has all. */
const PRINTED = 20;

export function auditLines(
  found: Audit,
  done: Admitted | undefined,
  { colours }: Pick<Terminal, 'colours'>,
): string[] {
  const { uploads: all, ended, open, young, lost, doubled } = found;
  if (all === 0 && doubled.length === 0)
    return ['Nothing to check: no upload has a key that a model accepts.'];
  const lines = [
    `${all} ${all === 1 ? 'upload' : 'uploads'} that a model accepts: ${ended} with a receipt, ${open} open, ${young} uploaded just now, ${lost.length} with neither`,
  ];
  for (const { jobId, key, uploadedAt } of lost.slice(0, PRINTED)) {
    const when = uploadedAt?.toISOString() ?? 'at an unknown time';
    lines.push(`  ${colours.red('lost')}  ${shortId(jobId)}  ${printable(key, 1000)}  uploaded ${when}`);
  }
  if (lost.length > PRINTED) lines.push(`  and ${lost.length - PRINTED} more`);
  for (const jobId of doubled) lines.push(`  ${colours.red('more than one receipt')}  ${jobId}`);
  if (done) {
    lines.push(`${done.admitted.length} admitted. ${done.sweep ?? ''}`.trimEnd());
    for (const { key, why } of done.refused) lines.push(`  not admitted: ${printable(key, 1000)}: ${why}`);
  } else if (lost.length > 0) {
    lines.push(
      'Their events were lost. The sweep admits each when its audit reaches it. To admit them now: npx lamplighter audit --admit',
    );
  }
  return lines;
}
