import type { Answer } from '../wire/answer';
import type { Call } from '../wire/call';

const SUSPENDED = '<Status>Suspended</Status>';
const ENABLED = '<Status>Enabled</Status>';

/**
 * Buckets whose versioning is suspended, as it is while Terraform destroys them. moto would treat them as never versioned: a
 * delete of one version then fails where there is a delete marker, and no such bucket can be emptied. So moto is left to
 * believe that versioning goes on; the one difference is that an object put meanwhile gets a version of its own.
 */
export class SuspendedVersioning {
  private readonly buckets = new Set<string>();

  /** The call as moto should have it. */
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

  /** moto's answer as S3 would give it. */
  incoming(call: Call, bucket: string, answer: Answer): Answer {
    if (call.method !== 'GET' || !call.query.has('versioning') || !this.buckets.has(bucket)) return answer;
    return { ...answer, body: Buffer.from(answer.body.toString().replace(ENABLED, SUSPENDED)) };
  }

  forget(bucket: string): void {
    this.buckets.delete(bucket);
  }
}
