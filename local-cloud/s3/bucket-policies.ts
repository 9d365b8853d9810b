import { type Answer, AwsError, emptyAnswer, requireJson } from '../wire/answer';
import type { Call } from '../wire/call';

/**
 * The buckets' policies, kept unchanged; iam/authorize.ts enforces them. moto does not get them, because it ignores their
 * conditions: "deny requests without TLS" would deny everything.
 */
export class BucketPolicies {
  private readonly policies = new Map<string, Buffer>();

  /** Answers PutBucketPolicy, GetBucketPolicy and DeleteBucketPolicy for a bucket that exists. */
  answer(call: Call, bucket: string): Answer {
    if (call.method === 'PUT') {
      requireJson(call.body.toString(), 'MalformedPolicy', 'Policies must be valid JSON.');
      this.policies.set(bucket, call.body);
      return emptyAnswer(204);
    }
    if (call.method === 'DELETE') {
      this.forget(bucket);
      return emptyAnswer(204);
    }
    const body = this.policies.get(bucket);
    if (!body) throw new AwsError(404, 'NoSuchBucketPolicy', 'The bucket policy does not exist');
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  }

  /** A bucket's policy, parsed. */
  of(bucket: string): unknown {
    const body = this.policies.get(bucket);
    return body && JSON.parse(body.toString());
  }

  forget(bucket: string): void {
    this.policies.delete(bucket);
  }
}
