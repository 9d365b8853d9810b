import { settle } from '../../../../lifecycle/settle';
import { readPause, writePause } from '../../../../lifecycle/orders';
import { listJobs, listLines } from '../../../../scripts/pipeline/list-jobs';
import { pause, resume, warm } from '../../../../scripts/pipeline/orders';
import { shortageAdvice } from '../../../../scripts/pipeline/readings/shortage';
import { FakeS3 } from '../../../support/fake-s3';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

const colours = new Proxy({}, { get: () => (text: string) => text }) as never;

/** A pipeline with an open job, whose start EC2 has refused. */
async function short(code: string): Promise<InMemoryPipeline> {
  const pipeline = new InMemoryPipeline();
  const { account } = pipeline;
  account.openJob('a.csv');
  account.failures.set('StartInstances', [FakeS3.error(code, 500)]);
  await settle(account.context, { kind: 'sweep' });
  return pipeline;
}

describe('people who wait for a machine are told', () => {
  it('by list, what EC2 answers, and that nothing is lost', async () => {
    const { handle, account } = await short('InsufficientInstanceCapacity');
    const options = { failed: false, since: 86_400_000, limit: 50 };
    const listed = await listJobs(handle, options, account.clock.now());
    expect(listed.shortage).toMatchObject({ code: 'InsufficientInstanceCapacity', refusals: 1 });
    const lines = listLines(listed, options, account.clock.now(), { colours, columns: 200 });
    expect(lines.at(-1)).toMatch(/EC2 has not started the instance \(once.*The sweep tries again\.$/);
  });

  it.each([
    ['VcpuLimitExceeded', /Service Quotas/],
    ['InstanceLimitExceeded', /Service Quotas/],
    ['Server.InsufficientInstanceCapacity', /another\s+zone/],
    ['RequestLimitExceeded', /Other programs/],
  ])('what to do about %s', async (code, advice) => {
    const { account } = await short('VcpuLimitExceeded');
    const shortage = JSON.parse(account.s3.text('control', 'capacity.json') ?? '') as never;
    expect(shortageAdvice({ ...(shortage as object), code } as never)).toMatch(advice);
  });

  it('by warm, at once, instead of a wait of minutes', async () => {
    const { handle, account } = new InMemoryPipeline();
    account.failures.set('StartInstances', [FakeS3.error('VcpuLimitExceeded', 400)]);
    await expect(warm(handle, undefined)).rejects.toThrow('EC2 does not start i-1 now: VcpuLimitExceeded');
  });
});

describe('the orders and the tag of a pause', () => {
  it('are written together, and end together', async () => {
    const { handle, account } = new InMemoryPipeline();
    await pause(handle, 'a leak');
    expect(await readPause(account.control)).toContain('a leak');
    expect(account.tags.get('lamplighter:pause')).toContain('a leak');
    await resume(handle);
    expect(await readPause(account.control)).toBeUndefined();
    expect(account.tags.has('lamplighter:pause')).toBe(false);
  });

  it('end together, also if only one of them is there', async () => {
    const { handle, account } = new InMemoryPipeline();
    await writePause(account.context, 'breaker');
    expect(await resume(handle)).toMatchObject({ changed: true });
    expect(await readPause(account.control)).toBeUndefined();
    account.tags.set('lamplighter:pause', 'by hand');
    await pause(handle, undefined);
    expect(await readPause(account.control)).toBe('by hand');
  });

  it('keep warm from starting the machine', async () => {
    const { handle, account } = new InMemoryPipeline();
    await writePause(account.context, 'ada');
    await expect(warm(handle, undefined)).rejects.toThrow('paused (ada)');
  });
});
