import type { Clock } from '../../lifecycle/clock';
import type { PipelineHandle } from '../pipeline/connect';
import { EVENT_GRACE_MS, type ListedUpload, hasJob, listUploads } from '../pipeline/list-uploads';
import { requestEach } from '../pipeline/readings/requests';
import type { Facts } from './facts';

/** Compares the first uploads, by name, with open records and receipts. An upload that has neither is lost. */
export async function readUploads(
  handle: PipelineHandle,
  clock: Clock,
  checks: number,
): Promise<NonNullable<Facts['uploads']>> {
  const due: ListedUpload[] = [];
  let isWhole = true;
  for await (const upload of listUploads(handle)) {
    if ((upload.uploadedAt?.getTime() ?? 0) > clock.now() - EVENT_GRACE_MS) continue;
    isWhole = due.length < checks;
    if (!isWhole) break;
    due.push(upload);
  }
  const lost = await requestEach(due, async (upload) => ((await hasJob(handle, upload)) ? [] : [upload]));
  return {
    looked: due.length,
    isWhole,
    lost: lost.flat().map(({ sizeBytes: _sizeBytes, ...upload }) => upload),
  };
}
