import { randomBytes } from 'node:crypto';
import { type Answer, AwsError, emptyAnswer, xmlAnswer } from '../wire/answer';
import type { Call, CallHead } from '../wire/call';
import { ACCOUNT_ID, functionNameOf } from '../wire/arn';
import type { MotoApi } from '../moto/moto-api';
import {
  type FunctionNotification,
  parseNotifications,
  renderNotifications,
  matches,
} from './notification-configuration';
import type { Report } from '../clockwork/events';
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
    private readonly options: {
      readonly moto: MotoApi;
      /** Begins an asynchronous invocation of a function. */
      readonly invokeLater: (functionName: string, payload: Buffer) => void;
      /** Whether a function's policy lets a service invoke it for the resource `sourceArn`. */
      readonly mayInvoke: (functionName: string, service: string, sourceArn: string) => Promise<boolean>;
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
      const record = this.recordOf({ bucket, key, eventName, notification, head, headers });
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
      reportOutcome(
        'refused',
        `${bucket} may not invoke ${functionName}: the function’s policy does not allow it`,
      );
      return;
    }
    const payload = Buffer.from(JSON.stringify({ Records: [record] }));
    for (let copies = faults.takeDuplicate(bucket) ? 2 : 1; copies > 0; copies -= 1) {
      reportOutcome('delivered', `S3 notifies ${functionName} of ${key}`);
      invokeLater(functionName, payload);
    }
  }

  /** Throws AwsError, as S3 does, for a destination that S3 may not invoke. */
  private async requirePermission(
    bucket: string,
    notifications: readonly FunctionNotification[],
  ): Promise<void> {
    for (const { functionArn } of notifications) {
      const functionName = functionNameOf(functionArn);
      if (await this.options.mayInvoke(functionName, 's3.amazonaws.com', `arn:aws:s3:::${bucket}`)) continue;
      throw new AwsError(
        400,
        'InvalidArgument',
        `Unable to validate the following destination configurations: ${functionArn} is no function that ${bucket} may invoke.`,
      );
    }
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
  private recordOf(put: {
    bucket: string;
    key: string;
    eventName: string;
    notification: FunctionNotification;
    head: CallHead;
    headers: Answer['headers'];
  }) {
    this.sequence += 1;
    const versionId = put.headers['x-amz-version-id'];
    return {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: this.options.region,
      eventTime: new Date().toISOString(),
      eventName: put.eventName,
      userIdentity: { principalId: put.head.caller.kind === 'role' ? put.head.caller.roleArn : 'operator' },
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      responseElements: {
        'x-amz-request-id': randomBytes(8).toString('hex').toUpperCase(),
        'x-amz-id-2': randomBytes(32).toString('base64'),
      },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: put.notification.id,
        bucket: {
          name: put.bucket,
          ownerIdentity: { principalId: ACCOUNT_ID },
          arn: `arn:aws:s3:::${put.bucket}`,
        },
        object: {
          key: formEncoded(put.key),
          size: 0,
          eTag: (put.headers.etag ?? '').replaceAll('"', ''),
          ...(versionId === undefined ? {} : { versionId }),
          sequencer: (Date.now() * 1000 + (this.sequence % 1000))
            .toString(16)
            .toUpperCase()
            .padStart(18, '0'),
        },
      },
    };
  }

  /** Adds the object's size, which no answer to an upload has. Some answers have no ETag either. */
  private async withSize(record: EventRecord, bucket: string, key: string): Promise<EventRecord> {
    const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
    const { versionId } = record.s3.object;
    const query = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
    const found = await this.options.moto.request('HEAD', path + query).catch(() => undefined);
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
