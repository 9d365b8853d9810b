import { claimKey, openKey, statusKey } from '../../../../lifecycle/job';
import type { WatchedJob } from '../../../../scripts/pipeline/job-watch';
import { JobWatch } from '../../../../scripts/pipeline/job-watch';
import { StatusReader } from '../../../../scripts/commands/status/status';
import { LiveReader } from '../../../../scripts/report/live-reader';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

const AT = '2026-01-01T00:00:00.000Z';
const model = { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'zv' };

/** A pipeline with so many open jobs, two of which run, and ten that have ended. */
function busy(open: number) {
  const place = new InMemoryPipeline();
  const { s3 } = place.account;
  const put = (key: string, record: object) => void s3.put('control', key, JSON.stringify(record));
  const jobs: WatchedJob[] = [];
  for (let number = 0; number < open; number += 1) {
    const { input, jobId } = place.upload(`in/${number}.csv`);
    put(openKey(jobId), {
      ...{ version: 1, jobId, input, model, admittedAt: AT, admittedBy: 'event', nonce: 'n' },
    });
    jobs.push({ jobId, key: input.key });
  }
  for (const { jobId } of jobs.slice(0, 2)) {
    const mine = { version: 1, jobId, attempt: 1 };
    put(statusKey(jobId), { ...mine, phase: 'running', at: AT });
    put(claimKey(jobId), { ...mine, bootId: 'b', drainId: 'd', claimedAt: AT, leaseUntil: AT, nonce: 'n' });
  }
  for (let number = 0; number < 10; number += 1) place.ended(`before/${number}.csv`);
  return { place, jobs };
}

/** The requests to S3 of one look, after looks that had to read everything. */
async function requestsOf(place: InMemoryPipeline, look: () => Promise<unknown>): Promise<string[]> {
  const { s3 } = place.account;
  for (let looks = 0; looks < 3; looks += 1) await look();
  s3.calls.splice(0);
  await look();
  return s3.calls.map(({ command }) => command);
}

describe.each([
  [200, ['ListObjectsV2']],
  [1_000, ['ListObjectsV2', 'ListObjectsV2']],
])(
  'with %i open jobs, an interval without news costs a list of 1,000 names a page and nothing else',
  (open, lists) => {
    it('in submit --wait', async () => {
      const { place, jobs } = busy(open);
      const watch = new JobWatch(place.handle.control, place.handle.output, place.account.clock);
      for (const job of jobs) watch.add(job);
      expect(await requestsOf(place, () => watch.poll())).toEqual(lists);
    });

    it('in lamplighter local, which follows the jobs of everybody', async () => {
      const { place, jobs } = busy(open);
      const watch = new JobWatch(place.handle.control, place.handle.output, place.account.clock, 'all');
      expect(await requestsOf(place, () => watch.poll())).toEqual(lists);
      expect(watch.openCount).toBe(jobs.length);
    });

    it('in status --watch', async () => {
      const { place } = busy(open);
      const reader = new StatusReader(place.handle);
      expect(await requestsOf(place, () => reader.read())).toEqual(lists);
    });

    it('of the live page', async () => {
      const { place, jobs } = busy(open);
      const reader = new LiveReader(place.handle);
      expect(await requestsOf(place, () => reader.read(0, Date.parse(AT), jobs.slice(-3)))).toEqual(lists);
    });
  },
);
