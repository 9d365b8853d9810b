import type { Manifest } from '../../../lifecycle/manifest';
import type { Receipt } from '../../../lifecycle/records';
import type { ResultFile } from '../../pipeline/results';
import type { Target } from '../../pipeline/target';
import type { Job, PlannedUpload } from '../../pipeline/upload-files';

/** The result of one file: its upload, its job and, with `--wait`, its receipt and results. */
export interface Outcome {
  readonly planned: PlannedUpload;
  readonly job?: Job;
  readonly receipt?: Receipt;
  readonly files?: readonly ResultFile[];
  readonly error?: string;
}

export function outcomesJson(target: Target, manifest: Manifest, outcomes: readonly Outcome[]) {
  return {
    command: 'submit',
    cloud: target.cloud,
    pipeline: manifest.pipeline,
    jobs: outcomes.map(({ planned, job, receipt, files, error }) => ({
      file: planned.file,
      bucket: manifest.dataBucket,
      key: planned.key,
      model: planned.model,
      versionId: job?.versionId,
      jobId: job?.jobId,
      outcome: receipt?.outcome,
      results: files?.map(({ key, sizeBytes, file }) => ({ key, sizeBytes, file })),
      receipt,
      error,
    })),
  };
}
