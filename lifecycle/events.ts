import * as z from 'zod/mini';
import type { ReportedUpload } from './admit';
import './english';
import { InvalidInputError, messageOf } from './errors';
import { NO_VERSION, decodeKey, jobIdInReceiptKey } from './job';
import type { Cause } from './settle-context';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
const s3EventSchema = z.object({
  Records: z.array(
    z.object({
      eventTime: z.optional(z.string()),
      s3: z.object({
        bucket: z.object({ name: z.string().check(z.minLength(1)) }),
        object: z.object({
          key: z.string().check(z.minLength(1)),
          size: z.optional(z.number()),
          versionId: z.optional(z.string()),
        }),
      }),
    }),
  ),
});

type S3Record = z.infer<typeof s3EventSchema>['Records'][number];

/** S3 sends this event once, when a bucket's notification is set up. */
const s3TestEventSchema = z.object({ Event: z.literal('s3:TestEvent') });

/** The events of EventBridge's rules: the instance's changes of state, the ends of drain commands, the schedule. */
const eventBridgeSchema = z.discriminatedUnion('source', [
  z.object({
    source: z.literal('aws.ec2'),
    time: z.string(),
    detail: z.object({ 'instance-id': z.string(), state: z.string() }),
  }),
  z.object({
    source: z.literal('aws.ssm'),
    detail: z.object({ 'command-id': z.string(), status: z.string() }),
  }),
  z.object({
    source: z.literal('aws.events'),
    'detail-type': z.literal('Scheduled Event'),
    // `lamplighter release` sends it.
    detail: z.optional(z.object({ afterHold: z.optional(z.boolean()) })),
  }),
]);

const dataBucketSchema = z.union([s3EventSchema, s3TestEventSchema]);
const stopEventSchema = z.union([eventBridgeSchema, s3EventSchema, s3TestEventSchema]);

/** The reason why a record of an event is invalid. */
export interface Poison {
  readonly poison: string;
}

/** The uploads in an event of the data bucket. An invalid record becomes a `Poison` and leaves the others intact. */
export function uploadsIn(event: unknown): (ReportedUpload | Poison)[] {
  const parsed = dataBucketSchema.safeParse(event);
  if (!parsed.success) throw unsupportedEvent(event, parsed.error);
  if ('Event' in parsed.data) return [];
  return parsed.data.Records.map(uploadIn);
}

function uploadIn({ eventTime, s3: { bucket, object } }: S3Record): ReportedUpload | Poison {
  try {
    const key = decodeKey(object.key);
    return {
      bucket: bucket.name,
      key,
      versionId: object.versionId ?? NO_VERSION,
      sizeBytes: object.size ?? 0,
      uploadedAt: isoTime(eventTime),
    };
  } catch (error) {
    return { poison: `the key ${JSON.stringify(object.key)} is not form-encoded UTF-8: ${messageOf(error)}` };
  }
}

/**
 * The cause in an event of the stop function. Undefined: the event is no reason to settle. Throws InvalidInputError for an
 * unsupported event.
 */
export function causeIn(event: unknown): Cause | undefined {
  const parsed = stopEventSchema.safeParse(event);
  if (!parsed.success) throw unsupportedEvent(event, parsed.error);
  const known = parsed.data;
  if ('Event' in known) return undefined;
  if ('Records' in known) {
    const jobIds = known.Records.map(({ s3 }) => jobIdInReceiptKey(decodeKey(s3.object.key)));
    const ofReceipts = jobIds.filter((jobId) => jobId !== undefined);
    return ofReceipts.length > 0 ? { kind: 'receipt', jobIds: ofReceipts } : undefined;
  }
  switch (known.source) {
    case 'aws.ec2':
      return known.detail.state === 'running'
        ? { kind: 'instance running' }
        : { kind: 'instance stopped', eventTime: known.time };
    case 'aws.ssm':
      return { kind: 'drain ended', commandId: known.detail['command-id'] };
    case 'aws.events':
      return known.detail?.afterHold === true ? { kind: 'sweep', afterHold: true } : { kind: 'sweep' };
  }
}

/** The keys of the receipts in an event of the output bucket. */
export function receiptKeysIn(event: unknown): string[] {
  const parsed = s3EventSchema.safeParse(event);
  if (!parsed.success) return [];
  return parsed.data.Records.map(({ s3 }) => decodeKey(s3.object.key)).filter(
    (key) => jobIdInReceiptKey(key) !== undefined,
  );
}

function isoTime(time: string | undefined): string | undefined {
  const milliseconds = Date.parse(time ?? '');
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds).toISOString();
}

function unsupportedEvent(event: unknown, cause: Error): InvalidInputError {
  const text = JSON.stringify(event ?? null);
  return new InvalidInputError(`this function does not support the event ${text.slice(0, 300)}`, { cause });
}
