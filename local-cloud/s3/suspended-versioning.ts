import type { Answer } from '../wire/answer';
import type { Call } from '../wire/call';

const SUSPENDED = '<Status>Suspended</Status>';
const ENABLED = '<Status>Enabled</Status>';

/**
 * Buckets whose versioning is suspended. Terraform suspends it before it destroys a bucket. moto would treat such a bucket as
 * never versioned: the delete of one version fails if there is a delete marker, and the bucket cannot be emptied. Therefore
 * the suspension is not passed on to moto. The one difference: an object put meanwhile gets a version of its own.
 */
export class SuspendedVersioning {
  private readonly buckets = new Set<string>();

  /** The call in the form for moto. */
  outgoing(call: Call, bucket: string): Call {
    if (call.method !== 'PUT' || !call.query.has('versioning')) return call;
    const body = call.body.toString();
    if (!body.includes(SUSPENDED)) {
      this.buckets.delete(bucket);
      return call;
    }
    this.buckets.add(bucket);
    return { ...call, body: Buffer.from(body.replace(SUSPENDED, ENABLED)) };
  }

  /** moto's answer in S3's form. */
  incoming(call: Call, bucket: string, answer: Answer): Answer {
    if (call.method !== 'GET' || !call.query.has('versioning') || !this.buckets.has(bucket)) return answer;
    return { ...answer, body: Buffer.from(answer.body.toString().replace(ENABLED, SUSPENDED)) };
  }

  forget(bucket: string): void {
    this.buckets.delete(bucket);
  }
}
