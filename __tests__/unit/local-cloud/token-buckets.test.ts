import { TokenBuckets } from '../../../local-cloud/wire/token-buckets';

/** How many of the calls AWS accepts. */
function accepted(buckets: TokenBuckets, operation: string, calls: number, nowMs: number): number {
  return Array.from({ length: calls }, () => buckets.take('ec2', operation, nowMs)).filter(Boolean).length;
}

describe('the rate limits of EC2', () => {
  it('are those that AWS publishes: a burst, then some calls each second', () => {
    const buckets = new TokenBuckets();
    expect(accepted(buckets, 'StartInstances', 10, 0)).toBe(5);
    expect(accepted(buckets, 'StartInstances', 10, 1_000)).toBe(2);
    expect(accepted(buckets, 'DescribeInstances', 100, 0)).toBe(50);
    expect(accepted(buckets, 'StopInstances', 100, 0)).toBe(50);
    expect(accepted(buckets, 'CreateTags', 200, 0)).toBe(100);
  });

  it('are one bucket for each API, which never holds more than its burst', () => {
    const buckets = new TokenBuckets();
    expect(accepted(buckets, 'StartInstances', 5, 0)).toBe(5);
    expect(accepted(buckets, 'DescribeInstances', 1, 0)).toBe(1);
    expect(accepted(buckets, 'StartInstances', 10, 3_600_000)).toBe(5);
  });
});
