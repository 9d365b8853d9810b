/** The calls that one API of an account and region accepts at once, and those that it accepts each second from then on. */
interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * EC2's limits of the calls that Lamplighter makes. Each API has its own bucket, for the whole account in the region.
 * DescribeInstances without a filter or a page has the smaller bucket of such calls.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 */
const EC2: Readonly<Record<string, RateLimit>> = {
  StartInstances: { burst: 5, perSecond: 2 },
  RunInstances: { burst: 5, perSecond: 2 },
  TerminateInstances: { burst: 100, perSecond: 5 },
  DescribeInstances: { burst: 50, perSecond: 10 },
  DescribeInstanceStatus: { burst: 50, perSecond: 10 },
  CreateTags: { burst: 100, perSecond: 10 },
  DeleteTags: { burst: 100, perSecond: 10 },
};

/** EC2's limits of all other calls: those that read, and those that change something. The same source. */
const EC2_READ: RateLimit = { burst: 100, perSecond: 20 };
const EC2_CHANGE: RateLimit = { burst: 50, perSecond: 5 };

/**
 * The limit of each SSM API. AWS does not publish these, so the numbers are assumed. Reports are of some 20 calls at once
 * that AWS throttles: https://github.com/segmentio/chamber/issues/34
 */
const SSM: RateLimit = { burst: 20, perSecond: 5 };

/** The code and the HTTP status with which each service refuses a call above its limit. */
export const THROTTLED = {
  ec2: { code: 'RequestLimitExceeded', status: 503 },
  ssm: { code: 'ThrottlingException', status: 400 },
} as const;

export type ThrottledService = keyof typeof THROTTLED;

export function isThrottledService(service: string): service is ThrottledService {
  return service in THROTTLED;
}

function limitOf(service: ThrottledService, operation: string): RateLimit {
  if (service === 'ssm') return SSM;
  return EC2[operation] ?? (/^(Describe|Get|List|Search)/.test(operation) ? EC2_READ : EC2_CHANGE);
}

/** The token buckets of one account in one region. */
export class TokenBuckets {
  private readonly buckets = new Map<string, { tokens: number; atMs: number }>();

  /** Takes one token at this time. Returns false if the bucket is empty: AWS refuses the call. */
  take(service: ThrottledService, operation: string, nowMs: number): boolean {
    const { burst, perSecond } = limitOf(service, operation);
    const name = `${service} ${operation}`;
    const { tokens, atMs } = this.buckets.get(name) ?? { tokens: burst, atMs: nowMs };
    const refilled = Math.min(burst, tokens + ((nowMs - atMs) / 1000) * perSecond);
    const isTaken = refilled >= 1;
    this.buckets.set(name, { tokens: isTaken ? refilled - 1 : refilled, atMs: nowMs });
    return isTaken;
  }
}
