import { embeddedMetrics } from '../../../handlers/embedded-metrics';
import { stop } from '../../../handlers/stop';
import { receiptKey } from '../../../lifecycle/job';
import type { OpenRecord, Receipt } from '../../../lifecycle/records';
import { settle } from '../../../lifecycle/settle';
import { FakeAccount } from '../../support/fake-account';

const sweep = { kind: 'sweep' as const };

function withMetrics(account: FakeAccount) {
  const values: [string, number][] = [];
  const context = {
    ...account.context,
    metrics: (name: string, value: number) => void values.push([name, value]),
  };
  return { context, values };
}

function running(): FakeAccount {
  const account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
  return account;
}

function endJob(account: FakeAccount, job: OpenRecord, facts: Partial<Receipt>): object {
  const receipt: Receipt = {
    version: 1,
    jobId: job.jobId,
    outcome: 'succeeded',
    pipeline: 'p',
    input: job.input,
    model: job.model,
    attempt: 1,
    uploadedAt: '2026-01-01T00:00:00.000Z',
    admittedAt: '2026-01-01T00:00:01.000Z',
    endedAt: '2026-01-01T00:05:00.000Z',
    outputs: [],
    instance: { bootId: 'b', drainId: 'd' },
    nonce: 'n',
    ...facts,
  };
  const key = receiptKey(job.input.key, job.jobId);
  account.s3.put('output', key, JSON.stringify(receipt));
  return { Records: [{ s3: { bucket: { name: 'output' }, object: { key: encodeURIComponent(key) } } }] };
}

describe('the metrics of a sweep', () => {
  it('are never missing: a missing metric is an alarm', async () => {
    const { context, values } = withMetrics(new FakeAccount());
    await settle(context, sweep);
    expect(values).toEqual([['OpenJobs', 0]]);
  });

  it('are the number of open jobs and the age of the oldest', async () => {
    const account = running();
    account.openJob('a.csv');
    await account.clock.sleep(60_000);
    account.openJob('b.csv');
    account.writeReceipt(account.openJob('done.csv'));
    const { context, values } = withMetrics(account);
    await settle(context, sweep);
    expect(values).toEqual([
      ['OpenJobs', 2],
      ['OldestOpenSeconds', 60],
    ]);
  });

  it.each([undefined, 'ada'])(
    'report an instance that is on with nothing open, also if held (%s)',
    async (hold) => {
      const account = running();
      if (hold !== undefined) account.tags.set('lamplighter:hold', hold);
      const { context, values } = withMetrics(account);
      await settle(context, sweep);
      expect(values).toContainEqual(['OnWithNothingOpen', 1]);
    },
  );

  it('are missing when the sweep fails, so that the alarm goes off', async () => {
    const account = running();
    account.failures.set('DescribeInstances', [new Error('EC2 is down'), new Error('EC2 is down')]);
    const { context, values } = withMetrics(account);
    await expect(settle(context, sweep)).rejects.toThrow('EC2 is down');
    expect(values).toEqual([]);
  });
});

it('a stop after the last receipt does not count as a machine left on', async () => {
  const { context, values } = withMetrics(running());
  await settle(context, { kind: 'drain ended', commandId: 'c' });
  expect(values).toEqual([]);
});

it('a trip of the breaker counts once', async () => {
  const account = running();
  account.openJob('a.csv');
  const { context, values } = withMetrics(account);
  for (const commandId of ['c1', 'c2', 'c3', 'c4']) {
    await account.clock.sleep(120_000);
    await settle(context, { kind: 'drain ended', commandId });
  }
  expect(values).toEqual([['BreakerTrips', 1]]);
});

describe('the metrics of a receipt', () => {
  it('are a success, the wait and the run', async () => {
    const account = running();
    const event = endJob(account, account.openJob('a.csv'), {
      claimedAt: '2026-01-01T00:02:00.000Z',
      startedAt: '2026-01-01T00:03:00.000Z',
    });
    const { context, values } = withMetrics(account);
    await stop(event, context);
    expect(values).toEqual([
      ['JobsSucceeded', 1],
      ['WaitSeconds', 120],
      ['RunSeconds', 120],
    ]);
  });

  it('are a failure, also of a job that never ran, and the log names the job', async () => {
    const account = running();
    const job = account.openJob('a.csv');
    const event = endJob(account, job, { outcome: 'failed', error: { kind: 'k', message: 'm' } });
    const { context, values } = withMetrics(account);
    await stop(event, context);
    expect(values).toEqual([['JobsFailed', 1]]);
    const logged = account.log.lines.find(({ fact }) => fact === 'job ended');
    expect(logged?.details).toEqual({
      jobId: job.jobId,
      outcome: 'failed',
      error: { kind: 'k', message: 'm' },
    });
  });

  it('do not fail the function when the receipt is unreadable', async () => {
    const account = running();
    const event = endJob(account, account.openJob('a.csv'), {});
    account.s3.put(
      'output',
      (event as { Records: { s3: { object: { key: string } } }[] }).Records.map(({ s3 }) =>
        decodeURIComponent(s3.object.key),
      )[0]!,
      'garbage',
    );
    const { context, values } = withMetrics(account);
    await stop(event, context);
    expect(values).toEqual([]);
  });

  it('cost no read of the receipt if metrics are off', async () => {
    const account = running();
    const event = endJob(account, account.openJob('a.csv'), {});
    await stop(event, account.context);
    expect(account.s3.callsOf('GetObject', /^results\//)).toEqual([]);
  });
});

it('CloudWatch finds the metric in the line, with the namespace and dimension that the alarms use', () => {
  const written: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const metrics = embeddedMetrics('p');
  metrics('OpenJobs', 3);
  metrics('OpenJobs', 5);
  write.mockRestore();
  const lines = written
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({
    _aws: {
      Timestamp: expect.any(Number) as number,
      CloudWatchMetrics: [
        {
          Namespace: 'Lamplighter',
          Dimensions: [['service']],
          Metrics: [{ Name: 'OpenJobs', Unit: 'Count' }],
        },
      ],
    },
    service: 'p',
    OpenJobs: 5,
  });
});
