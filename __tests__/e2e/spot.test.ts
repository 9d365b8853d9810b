import {
  DescribeInstancesCommand,
  DescribeSpotInstanceRequestsCommand,
  EC2Client,
  StartInstancesCommand,
} from '@aws-sdk/client-ec2';
import { DeployedPipeline } from '../support/deployed-pipeline';
import { NO_SWEEP, hasMoto } from '../support/local-cloud';

const settings = {
  name: 'spots',
  models: ['__tests__/e2e/models/puppet'],
  leaseSeconds: 15,
  lingerSeconds: 0,
  disposable: true,
  spot: true,
  privateNetwork: true,
  tags: { team: 'imaging' },
};

(hasMoto() ? describe : describe.skip)('a pipeline on a spot instance in a private network', () => {
  let pipeline: DeployedPipeline;
  let ec2: EC2Client;

  beforeAll(async () => {
    // No scheduled sweep: events alone must suffice.
    pipeline = await DeployedPipeline.deploy(
      ({ faults: { operationDelays } }) => {
        operationDelays.AuthorizeSecurityGroupIngress = 12_000;
        return { pipelines: [settings] };
      },
      { timings: NO_SWEEP },
    );
    ec2 = new EC2Client(pipeline.cloud.client);
    await pipeline.cloud.faults.sweepNow();
    await pipeline.comesToRest();
  }, 300_000);

  afterAll(() => (pipeline as DeployedPipeline | undefined)?.end());

  const faults = () => pipeline.cloud.faults;
  const receiptsOf = async (key: string) =>
    (await pipeline.keys(pipeline.manifest.outputBucket, `results/${key}/`)).filter((name) =>
      name.endsWith('/receipt.json'),
    );

  const requests = async () => {
    const { SpotInstanceRequests } = await ec2.send(new DescribeSpotInstanceRequestsCommand({}));
    return SpotInstanceRequests!;
  };

  it('boots its instance when the endpoints’ rule exists: else the agent would sleep for minutes', () => {
    expect(pipeline.agentSleeps()).toEqual([]);
  });

  it('has a spot request that survives a stop, and stops and starts like any instance', async () => {
    expect(await requests()).toMatchObject([
      { Type: 'persistent', InstanceInterruptionBehavior: 'stop', InstanceId: pipeline.manifest.instanceId },
    ]);
    expect((await pipeline.receipt(await pipeline.upload('one.txt', 'hello'))).outcome).toBe('succeeded');
    await pipeline.comesToRest();
  }, 120_000);

  it('runs a job again when EC2 takes the instance away mid-run and brings it back: one receipt, and off', async () => {
    const job = await pipeline.upload('taken.txt', 'sleep 6');
    await pipeline.isRunning(job);
    faults().interruptSpot(pipeline.manifest.instanceId);
    await pipeline.reaches('stopped');
    const { Reservations } = await ec2.send(
      new DescribeInstancesCommand({ InstanceIds: [pipeline.manifest.instanceId] }),
    );
    const reason = { Code: 'Server.SpotInstanceShutdown' };
    expect(Reservations![0]!.Instances![0]!.StateReason).toMatchObject(reason);
    faults().bringBackSpot(pipeline.manifest.instanceId);
    expect(await pipeline.receipt(job)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
    await pipeline.comesToRest();
    expect(await receiptsOf('taken.txt')).toHaveLength(1);
  }, 120_000);

  it('does not lose an upload that comes while EC2 keeps the instance: the upload waits, and nothing can start the instance', async () => {
    const first = await pipeline.upload('first.txt', 'sleep 6');
    await pipeline.isRunning(first);
    faults().interruptSpot(pipeline.manifest.instanceId);
    await pipeline.reaches('stopped');
    const starts = faults().startCalls;
    const second = await pipeline.upload('second.txt', 'hello');
    await pipeline.isOpen(second);
    await faults().sweepNow();
    await expect(
      ec2.send(new StartInstancesCommand({ InstanceIds: [pipeline.manifest.instanceId] })),
    ).rejects.toMatchObject({ name: 'IncorrectSpotRequestState' });
    expect(faults().startCalls).toBe(starts);
    expect(await pipeline.state()).toBe('stopped');
    faults().bringBackSpot(pipeline.manifest.instanceId);
    for (const job of [first, second]) expect((await pipeline.receipt(job)).outcome).toBe('succeeded');
    await pipeline.comesToRest();
  }, 120_000);

  it('stops an instance that EC2 brings back without a job, and does not wait for the sweep', async () => {
    const { instanceId } = pipeline.manifest;
    // A stop that the test before caused would look like an answer to a start by hand.
    await pipeline.isQuiet();
    await pipeline.enters('pending', () =>
      ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] })),
    );
    faults().interruptSpot(instanceId);
    await pipeline.reaches('stopped');
    // A stop function that is running may stop the instance while it is pending.
    await pipeline.enters('stopped', () => faults().bringBackSpot(instanceId));
    await pipeline.comesToRest();
  }, 120_000);

  it('runs a job that was interrupted more often than its card allows failures, until it succeeds', async () => {
    const job = await pipeline.upload('unlucky.txt', 'sleep 6');
    for (const attempt of [1, 2, 3]) {
      await pipeline.isRunning(job, attempt);
      faults().interruptSpot(pipeline.manifest.instanceId);
      await pipeline.reaches('stopped');
      faults().bringBackSpot(pipeline.manifest.instanceId);
    }
    const receipt = await pipeline.receipt(job);
    expect(receipt).toMatchObject({ outcome: 'succeeded', attempt: 4 });
    expect(receipt.endedAttempts?.every(({ cause }) => cause === 'machine')).toBe(true);
    await pipeline.comesToRest();
  }, 180_000);

  it('has an empty Terraform plan afterwards', async () => {
    const { code, output } = await pipeline.plan();
    expect(output).toContain('No changes.');
    expect(code).toBe(0);
  }, 120_000);

  it('leaves no spot request behind that would make a new instance after this one is destroyed', async () => {
    const { code, output } = await pipeline.destroyInstance();
    expect(output).toContain('Destroy complete!');
    expect(code).toBe(0);
    expect(await requests()).toMatchObject([{ State: 'cancelled' }]);
  }, 120_000);
});
