import type { EC2Client } from '@aws-sdk/client-ec2';
import { claimKey, openKey } from '../../../../lifecycle/job';
import { LEASE_SECONDS } from '../../../../lifecycle/records';
import { MissingError } from '../../../../scripts/console/exit';
import { describeInstance, readInstance } from '../../../../scripts/pipeline/readings/instance';
import { listOpen } from '../../../../scripts/pipeline/readings/open-jobs';
import { isLive, readClaim } from '../../../../scripts/pipeline/readings/records';
import { listReceipts, readReceiptsSince } from '../../../../scripts/pipeline/readings/receipts';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

describe('open jobs', () => {
  const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
  const place = new InMemoryPipeline();
  for (const key of [...ids.map(openKey), 'open/notes.json']) place.account.s3.put('control', key, '{}');
  const idsOf = async (bounds?: { most?: number; idPrefix?: string }) => {
    const { jobs, isWhole } = await listOpen(place.handle.control, bounds);
    return { ids: jobs.map(({ jobId }) => jobId), isWhole };
  };

  it('are all listed, without objects of other names', async () => {
    expect(await idsOf()).toEqual({ ids, isWhole: true });
    expect(await idsOf({ idPrefix: 'bb' })).toEqual({ ids: ids.slice(1, 2), isWhole: true });
  });

  it('are said to be more than the limit only when one more exists', async () => {
    expect(await idsOf({ most: 3 })).toEqual({ ids, isWhole: true });
    expect(await idsOf({ most: 2 })).toEqual({ ids: ids.slice(0, 2), isWhole: false });
  });
});

test.each(['an hour behind', 'an hour ahead'])(
  'a claim is live for a lease by the clock of S3, also if the machine’s clock is %s',
  async (machine) => {
    const place = new InMemoryPipeline();
    const { clock, s3 } = place.account;
    const jobId = 'a'.repeat(64);
    const begun = clock.now();
    const at = new Date(begun + (machine === 'an hour behind' ? -3_600_000 : 3_600_000)).toISOString();
    const claim = {
      version: 1,
      jobId,
      attempt: 1,
      bootId: 'b',
      drainId: 'd',
      claimedAt: at,
      leaseUntil: at,
      nonce: 'n',
    };
    s3.put('control', claimKey(jobId), JSON.stringify(claim));
    const reading = await readClaim(place.handle.control, jobId);
    expect(isLive(reading, begun + LEASE_SECONDS * 1000 - 1)).toBe(true);
    expect(isLive(reading, begun + LEASE_SECONDS * 1000)).toBe(false);
  },
);

describe('receipts', () => {
  const place = new InMemoryPipeline();
  const { output } = place.handle;
  place.ended('a.csv');
  place.passMinutes(1);
  const since = place.account.clock.now();
  place.ended('b.csv');
  place.account.s3.put('output', `results/a.csv/${'a'.repeat(64)}/attempt-1/receipt.json`, '{}');

  it('are listed up to a number of names, of which some are no receipts', async () => {
    const listed = async (names: number) => {
      const { receipts, isWhole } = await listReceipts(output, { names });
      return { count: receipts.length, isWhole };
    };
    expect(await listed(3)).toEqual({ count: 2, isWhole: true });
    expect((await listed(2)).isWhole).toBe(false);
  });

  it('are read from the moment on that was asked for, the latest first, and cut at the limit', async () => {
    const keysSince = async (sinceMs: number, limit: number) => {
      const { receipts, isWhole, isListed } = await readReceiptsSince(output, sinceMs, { limit });
      return { keys: receipts.map(({ input }) => input.key), isWhole, isListed };
    };
    expect(await keysSince(0, 2)).toEqual({ keys: ['b.csv', 'a.csv'], isWhole: true, isListed: true });
    expect(await keysSince(0, 1)).toEqual({ keys: ['b.csv'], isWhole: false, isListed: true });
    expect(await keysSince(since, 2)).toEqual({ keys: ['b.csv'], isWhole: true, isListed: true });
    expect(await keysSince(since + 1, 2)).toEqual({ keys: [], isWhole: true, isListed: true });
  });
});

describe('a terminated instance', () => {
  const terminated = () => {
    const { account, handle } = new InMemoryPipeline();
    account.state = 'terminated';
    return { ec2: account.ec2 as unknown as EC2Client, handle };
  };

  it('is described as such, so that status can show it', async () => {
    expect(await describeInstance(terminated().ec2, 'i-1')).toMatchObject({ state: 'terminated' });
  });

  it('is missing for commands that act on it', async () => {
    await expect(readInstance(terminated().handle)).rejects.toThrow(MissingError);
  });
});
