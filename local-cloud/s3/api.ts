import type { Answer } from '../wire/answer';
import type { BucketPolicies } from './bucket-policies';
import type { Call, CallHead } from '../wire/call';
import type { MotoApi } from '../moto/moto-api';
import { wantsEncodedVersions, withEncodedKeys } from './listed-versions';
import { newlinesBack, newlinesOutOfXml } from '../moto/newline-keys';
import type { Timers } from '../clockwork/timers';
import type { Notifications } from './notifications';
import { type S3Operation, s3OperationOf } from '../wire/s3-operation';
import { LateVersioning, type VersioningFaults } from './late-versioning';
import { SuspendedVersioning } from './suspended-versioning';

/** Operations whose state is kept here and not in moto. */
const OURS: readonly S3Operation['name'][] = [
  'BucketPolicy',
  'PutBucketNotificationConfiguration',
  'GetBucketNotificationConfiguration',
];

/** S3's API for buckets, and for operations with keys in XML. Requests for objects stream to moto past this class. */
export class S3Api {
  private readonly versioning = new SuspendedVersioning();
  private readonly lateVersioning: LateVersioning;

  constructor(
    private readonly moto: MotoApi,
    private readonly notifications: Notifications,
    private readonly policies: BucketPolicies,
    { faults, timers }: { readonly faults: VersioningFaults; readonly timers: Timers },
  ) {
    this.lateVersioning = new LateVersioning(faults, timers, (call) => moto.forward(call));
  }

  /** Whether `answer` handles the request. Any other streams to moto. */
  handles(head: CallHead): boolean {
    return s3OperationOf(head).key === '' || head.method === 'POST';
  }

  async answer(call: Call): Promise<Answer> {
    const { bucket, name } = s3OperationOf(call);
    if (OURS.includes(name)) {
      // moto answers with S3's error if the bucket does not exist.
      const found = await this.moto.forward(locationCall(call, bucket));
      if (found.status !== 200) return found;
      return name === 'BucketPolicy' ? this.policies.answer(call, bucket) : this.notifications.answer(call);
    }
    const late = this.lateVersioning.answer(call, bucket);
    if (late) return late;
    const forwarded = await this.moto.forward(
      call.query.has('delete')
        ? { ...call, body: Buffer.from(newlinesOutOfXml(call.body.toString())) }
        : this.versioning.outgoing(call, bucket),
    );
    const answer = this.versioning.incoming(call, bucket, forwarded);
    this.notifications.observe(call, answer);
    if (name === 'DeleteBucket' && answer.status < 300) {
      this.policies.forget(bucket);
      this.versioning.forget(bucket);
    }
    if (!(answer.headers['content-type'] ?? '').includes('xml')) return answer;
    const xml = answer.body.toString();
    return {
      ...answer,
      body: Buffer.from(newlinesBack(wantsEncodedVersions(call) ? withEncodedKeys(xml) : xml)),
    };
  }
}

function locationCall(call: Call, bucket: string): Call {
  const target = `/${bucket}?location`;
  return { ...call, method: 'GET', target, body: Buffer.alloc(0) };
}
