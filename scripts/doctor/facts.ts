import type { InstanceReading } from '../../lifecycle/instance';
import type { Manifest } from '../../lifecycle/manifest';
import type { Attempts, Claim, DrainStatus, Gate, OpenRecord, Shortage } from '../../lifecycle/records';
import type { ListedUpload } from '../pipeline/list-uploads';
import type { ReadResult } from '../pipeline/readings/records';

type LostUpload = Omit<ListedUpload, 'sizeBytes'>;

export interface OpenJob {
  readonly jobId: string;
  readonly openSince: Date | undefined;
  readonly open: ReadResult<OpenRecord>;
  /** Undefined: no drain has claimed the job. */
  readonly claim: ReadResult<Claim> | undefined;
  /** Undefined: no attempt has ended without a receipt. */
  readonly attempts: ReadResult<Attempts> | undefined;
  /** Undefined: the open record cannot be read, so the upload is unknown. */
  readonly upload: 'there' | 'deleted' | undefined;
}

interface FailedJob {
  readonly jobId: string;
  readonly key: string;
  readonly endedAt: string;
  readonly why: string;
}

/** How a deployed model compares with its folder in this checkout. */
export interface ModelComparison {
  readonly name: string;
  readonly is: 'same' | 'changed' | 'not in the settings' | 'not deployed';
}

/** One reading of a pipeline. A part that could not be read is undefined, and `unseen` says why. */
export interface Facts {
  readonly manifest: Manifest;
  readonly instance: InstanceReading | 'gone' | undefined;
  readonly gate:
    | { readonly gate: Gate | undefined; readonly trouble: string | undefined; readonly isNewer?: boolean }
    | undefined;
  /** EC2 does not start the instance. */
  readonly shortage?: Shortage | undefined;
  /** The SSM agent's last ping. `never`: SSM does not know the agent. */
  readonly agent: { readonly pingStatus: string; readonly lastPing: Date | undefined } | 'never' | undefined;
  readonly open:
    | {
        readonly count: number;
        readonly isCountWhole: boolean;
        /** The oldest open jobs. */
        readonly jobs: readonly OpenJob[];
        /** Jobs that have a claim although they are not open. */
        readonly claimsWithoutJob: readonly string[];
      }
    | undefined;
  readonly lastDrain:
    | { readonly commandId: string; readonly status: string; readonly requestedAt: Date | undefined }
    | 'none'
    | undefined;
  /** `status/drain.json`, which a drain rewrites at every claim and receipt. */
  readonly trace: DrainStatus | 'none' | undefined;
  /** When a sweep last finished its audit. */
  readonly lastSweep: Date | 'never' | undefined;
  readonly uploads:
    { readonly looked: number; readonly isWhole: boolean; readonly lost: readonly LostUpload[] } | undefined;
  /** `isListWhole`: every receipt of that time was read. */
  readonly failed:
    | {
        readonly jobs: readonly FailedJob[];
        /** Jobs whose model ran without walls on an instance of EC2. */
        readonly withoutWalls: readonly string[];
        readonly isListWhole: boolean;
      }
    | undefined;
  readonly failedEvents: { readonly count: number; readonly samples: readonly string[] } | undefined;
  /** `unknown`: the pipeline is not in this checkout's settings. */
  readonly models: readonly ModelComparison[] | 'unknown' | undefined;
  /** Undefined: no comparison was requested. */
  readonly plan: { readonly differs: boolean; readonly text: string } | undefined;
  readonly unseen: readonly { readonly what: string; readonly why: string }[];
}
