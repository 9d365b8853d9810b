import type { EC2Client } from '@aws-sdk/client-ec2';
import { stop } from '../../../handlers/stop';
import { Instance } from '../../../lifecycle/instance';
import { openKey, receiptKey } from '../../../lifecycle/job';
import { FakeAccount } from '../../support/fake-account';

const encoded = (key: string) => encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
const s3Event = (key: string) => ({
  Records: [{ s3: { bucket: { name: 'output' }, object: { key: encoded(key) } } }],
});
const ec2Event = (state: string) => ({
  source: 'aws.ec2',
  'detail-type': 'EC2 Instance State-change Notification',
  time: '2026-01-01T00:00:00Z',
  detail: { 'instance-id': 'i-1', state },
});
const ssmEvent = { source: 'aws.ssm', time: 't', detail: { 'command-id': 'c-1', status: 'Failed' } };
const sweep = { source: 'aws.events', 'detail-type': 'Scheduled Event', time: 't', detail: {} };

function running(): FakeAccount {
  const account = new FakeAccount();
  account.state = 'running';
  account.setGate('OPEN');
  return account;
}

describe('stop', () => {
  it('ends a job after its receipt, for any input key, and stops the instance when its drain has ended', async () => {
    const account = running();
    const job = account.openJob(`a b/+'$(x)\n你.csv`);
    account.writeReceipt(job);
    await stop(s3Event(receiptKey(job.input.key, job.jobId)), account.context);
    expect(account.s3.text('control', openKey(job.jobId))).toBeUndefined();
    expect(account.calls).toEqual([]);
    await stop(ssmEvent, account.context);
    expect(account.count('StopInstances')).toBe(1);
  });

  it.each([ec2Event('stopped'), ssmEvent, sweep])('wakes for a job that is open: %j', async (event) => {
    const account = running();
    account.openJob('a.csv');
    await stop(event, account.context);
    expect(account.count('Invoke')).toBe(1);
    expect(account.count('StopInstances')).toBe(0);
  });

  it('only shows the phase when an on-demand instance is running', async () => {
    const account = running();
    await stop(ec2Event('running'), account.context);
    expect(account.calls).toEqual(['CreateTags', 'DescribeInstances']);
    expect(account.tags.get('lamplighter:phase')).toBe('working');
  });

  it('changes no tag for the phase if the settings say so: AWS Config bills each change', async () => {
    const account = running();
    const instance = new Instance(account.ec2 as unknown as EC2Client, 'i-1', { showsPhase: false });
    await stop(ec2Event('running'), { ...account.context, instance });
    expect(account.count('CreateTags')).toBe(0);
  });

  it('sends a drain to a spot instance that EC2 restarted while a job is open', async () => {
    const account = running();
    account.openJob('a.csv');
    await stop(ec2Event('running'), { ...account.context, isSpot: true });
    expect(account.count('Invoke')).toBe(1);
  });

  it('stops a spot instance that EC2 restarted with no job open', async () => {
    const account = running();
    account.setGate('CLOSED');
    await stop(ec2Event('running'), { ...account.context, isSpot: true });
    expect(account.state).toBe('stopping');
    expect(account.gate()?.state).toBe('CLOSED');
  });

  it.each([{ Event: 's3:TestEvent' }, s3Event('results/a/receipt.json')])(
    'ignores an event without a receipt: %j',
    async (event) => {
      const account = running();
      await stop(event, account.context);
      expect(account.calls).toEqual([]);
    },
  );

  it('names the event that it does not support', async () => {
    await expect(stop({ source: 'aws.health' }, running().context)).rejects.toThrow('aws.health');
  });
});
