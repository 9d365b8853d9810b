import { randomBytes } from 'node:crypto';
import { type Answer, AwsError, emptyAnswer, xmlAnswer } from '../wire/answer';
import type { Call, CallHead } from '../wire/call';
import { ACCOUNT_ID, functionNameOf } from '../wire/arn';
import { type MotoApi, objectPath } from '../moto/moto-api';
import { matches, parseNotifications, renderNotifications } from './notification-configuration';
import type { FunctionNotification } from './notification-configuration';
import type { InvokesFunctions, Report } from '../clockwork/events';
import { type S3Operation, s3OperationOf } from '../wire/s3-operation';
import type { Timers } from '../clockwork/timers';

/** The notifications to lose or to deliver twice. Each call that returns true uses up one fault. */
export interface NotificationFaults {
  takeDrop(bucket: string): boolean;
  takeDuplicate(bucket: string): boolean;
}

/** The operations that create an object, as the events name them. */
const EVENT_NAMES: Partial<Record<S3Operation['name'], string>> = {
  PutObject: 'ObjectCreated:Put',
  CopyObject: 'ObjectCreated:Copy',
  CompleteMultipartUpload: 'ObjectCreated:CompleteMultipartUpload',
  PostObject: 'ObjectCreated:Post',
};

/**
 * S3's notifications to functions. Their configuration is kept here and not in moto, because moto would try to run the
 * function in a container.
 */
export class Notifications {
  private readonly configurations = new Map<string, readonly FunctionNotification[]>();
  private sequence = 0;

  constructor(
    private readonly options: InvokesFunctions & {
      readonly moto: MotoApi;
      readonly faults: NotificationFaults;
      readonly timers: Timers;
      readonly report: Report;
      readonly region: string;
      readonly notificationMs: number;
    },
  ) {}

  /** Reads or writes the configuration of a bucket that exists. */
  async answer(call: Call): Promise<Answer> {
    const { bucket, name } = s3OperationOf(call);
    if (name === 'GetBucketNotificationConfiguration') {
      return xmlAnswer(renderNotifications(this.configurations.get(bucket) ?? []));
    }
    const notifications = parseNotifications(call.body.toString());
    await this.requirePermission(bucket, notifications);
    this.configurations.set(bucket, notifications);
    return emptyAnswer(200);
  }

  /** Called with each S3 request that moto has answered. Notifies the functions whose filters match. */
  observe(head: CallHead, { status, headers }: Pick<Answer, 'status' | 'headers'>): void {
    if (status < 200 || status >= 300) return;
    const operation = s3OperationOf(head);
    if (operation.name === 'DeleteBucket') this.configurations.delete(operation.bucket);
    const eventName = EVENT_NAMES[operation.name];
    if (eventName === undefined) return;
    const { bucket } = operation;
    const key = operation.name === 'PostObject' ? keyIn(headers.location, bucket) : operation.key;
    for (const notification of this.configurations.get(bucket) ?? []) {
      if (!matches(notification, eventName, key)) continue;
      const record = this.recordOf(notification, eventName, { bucket, key }, head, headers);
      this.options.timers.deliver(this.options.notificationMs, 'an S3 notification', async () =>
        this.deliver(notification, bucket, key, await this.withSize(record, bucket, key)),
      );
    }
  }

  private async deliver(
    { functionArn }: FunctionNotification,
    bucket: string,
    key: string,
    record: EventRecord,
  ): Promise<void> {
    const { faults, invokeLater, mayInvoke } = this.options;
    const functionName = functionNameOf(functionArn);
    const reportOutcome = (outcome: 'delivered' | 'dropped' | 'refused', text: string) =>
      this.options.report({ kind: 'notification', bucket, key, functionName, outcome, text });
    if (faults.takeDrop(bucket)) {
      reportOutcome('dropped', `a test dropped the notification of ${key}`);
      return;
    }
    if (!(await mayInvoke(functionName, 's3.amazonaws.com', `arn:aws:s3:::${bucket}`))) {
      const text = `${bucket} may not invoke ${functionName}: the function’s policy does not allow it`;
      reportOutcome('refused', text);
      return;
    }
    const payload = Buffer.from(JSON.stringify({ Records: [record] }));
    for (let copies = faults.takeDuplicate(bucket) ? 2 : 1; copies > 0; copies -= 1) {
      reportOutcome('delivered', `S3 notifies ${functionName} of ${key}`);
      invokeLater(functionName, payload);
    }
  }

  /** Throws AwsError, as S3 does, for a destination that S3 may not invoke. */
  private async requirePermission(bucket: string, notifications: readonly FunctionNotification[]) {
    for (const { functionArn } of notifications) {
      const functionName = functionNameOf(functionArn);
      if (await this.options.mayInvoke(functionName, 's3.amazonaws.com', `arn:aws:s3:::${bucket}`)) continue;
      const problem = `${functionArn} is no function that ${bucket} may invoke.`;
      const text = `Unable to validate the following destination configurations: ${problem}`;
      throw new AwsError(400, 'InvalidArgument', text);
    }
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
  private recordOf(
    notification: FunctionNotification,
    eventName: string,
    { bucket, key }: Pick<S3Operation, 'bucket' | 'key'>,
    { caller }: CallHead,
    headers: Answer['headers'],
  ) {
    this.sequence += 1;
    const versionId = headers['x-amz-version-id'];
    const sequencer = Date.now() * 1000 + (this.sequence % 1000);
    return {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: this.options.region,
      eventTime: new Date().toISOString(),
      eventName,
      userIdentity: { principalId: caller.kind === 'role' ? caller.roleArn : 'operator' },
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      responseElements: {
        'x-amz-request-id': randomBytes(8).toString('hex').toUpperCase(),
        'x-amz-id-2': randomBytes(32).toString('base64'),
      },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: notification.id,
        bucket: { name: bucket, ownerIdentity: { principalId: ACCOUNT_ID }, arn: `arn:aws:s3:::${bucket}` },
        object: {
          key: formEncoded(key),
          size: 0,
          eTag: (headers.etag ?? '').replaceAll('"', ''),
          ...(versionId === undefined ? {} : { versionId }),
          sequencer: sequencer.toString(16).toUpperCase().padStart(18, '0'),
        },
      },
    };
  }

  /** Adds the object's size, which no answer to an upload has. Some answers have no ETag either. */
  private async withSize(record: EventRecord, bucket: string, key: string): Promise<EventRecord> {
    const path = objectPath(bucket, key, record.s3.object.versionId);
    const found = await this.options.moto.request('HEAD', path).catch(() => undefined);
    if (!found) return record;
    const object = {
      ...record.s3.object,
      size: Number(found.headers['content-length'] ?? 0),
      eTag: record.s3.object.eTag || (found.headers.etag ?? '').replaceAll('"', ''),
    };
    return { ...record, s3: { ...record.s3, object } };
  }
}

type EventRecord = ReturnType<Notifications['recordOf']>;

/** A key as S3 writes it in events: spaces as `+`, UTF-8 in percent form, `/` unchanged. */
export function formEncoded(key: string): string {
  return key
    .split('/')
    .map((part) => new URLSearchParams([['', part]]).toString().slice(1))
    .join('/');
}

function keyIn(location: string | undefined, bucket: string): string {
  const path = location?.split(`/${bucket}/`).at(1) ?? '';
  return decodeURIComponent(path);
}
