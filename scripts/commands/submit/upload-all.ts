import type { S3Client } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { messageOf } from '../../../lifecycle/errors';
import { shortId } from '../../../lifecycle/job';
import { InterruptedError } from '../../console/exit';
import type { Steps } from '../../console/steps';
import { bytes } from '../../console/terminal';
import { type Job, type PlannedUpload, upload } from '../../pipeline/upload-files';
import { shortPath } from '../../tools/project';
import type { Outcome } from './outcome';
import { UploadBars } from './upload-bars';

/** Files that are uploaded in parallel. Each is uploaded in parts, four in parallel. */
const UPLOADS_AT_ONCE = 3;

/** Uploads every file. A failed upload is an outcome with an error; the other uploads continue. */
export async function uploadAll(
  planned: readonly PlannedUpload[],
  s3: S3Client,
  dataBucket: string,
  steps: Steps,
  signal: AbortSignal,
): Promise<Outcome[]> {
  const bars = new UploadBars(planned, steps.isOnTerminal ? process.stderr : undefined);
  const limit = pLimit(UPLOADS_AT_ONCE);
  const uploads = await Promise.allSettled(
    planned.map((one) =>
      limit(async () => {
        const bar = bars.begin(one);
        try {
          return await upload(s3, dataBucket, one, signal, bar.update);
        } finally {
          bar.end();
        }
      }),
    ),
  );
  bars.stop();
  const outcomes = planned.flatMap((one, index) => outcomesOf(one, uploads[index], dataBucket, steps));
  if (signal.aborted) {
    const uploaded = outcomes.filter(({ job }) => job !== undefined).length;
    steps.show(
      'upload',
      `interrupted: ${uploaded} of ${planned.length} files are uploaded; no file is partly uploaded`,
    );
    throw new InterruptedError();
  }
  return outcomes;
}

/** Shows and returns the outcome of one upload; nothing if it was interrupted. */
function outcomesOf(
  planned: PlannedUpload,
  end: PromiseSettledResult<Job> | undefined,
  dataBucket: string,
  steps: Steps,
): Outcome[] {
  if (end?.status === 'fulfilled') {
    const name = `${shortPath(planned.file)} (${bytes(planned.sizeBytes)})`;
    steps.show('upload', `${name} → s3://${dataBucket}/${planned.key}`);
    steps.show('upload', `job ${shortId(end.value.jobId)}, for the model ${planned.model}`);
    return [{ planned, job: end.value }];
  }
  if (end?.reason instanceof InterruptedError) return [];
  const error = messageOf(end?.reason);
  steps.show('upload', `${shortPath(planned.file)} was not uploaded: ${error}`, 'bad');
  return [{ planned, error }];
}
