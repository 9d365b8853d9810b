import { DescribeInstancesCommand, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { DescribeInstanceInformationCommand, SendCommandCommand } from '@aws-sdk/client-ssm';
import type { Clock } from '../lifecycle/clock';
import { uploadsIn } from '../lifecycle/events';
import { jobIdOf } from '../lifecycle/job';
import { modelFor } from '../lifecycle/model';
import { MODELS } from './settings';

export interface Client {
  send(command: object): Promise<object>;
}

/** Maximum wait for the instance, in milliseconds. */
const PATIENCE_MS = 270_000;
const POLL_MS = 5_000;

/**
 * Lamplighter's first design. An upload starts the instance and invokes the worker. A result stops the instance. It
 * has no ledger, no gate and no retries but those of Lambda and the SDK.
 */
export const plainFunctions = {
  async trigger(client: Client, event: object): Promise<void> {
    for (const upload of uploadsIn(event)) {
      if ('poison' in upload || !modelFor(upload, MODELS.slice(0, 1))) continue;
      await client.send(new StartInstancesCommand({ InstanceIds: ['i-1'] }));
      const Payload = JSON.stringify({ job: jobIdOf(upload) });
      await client.send(new InvokeCommand({ FunctionName: 'p-worker', InvocationType: 'Event', Payload }));
    }
  },

  async worker(client: Client, event: object, clock: Clock): Promise<void> {
    const { job } = event as { job: string };
    const began = clock.now();
    while (clock.now() - began < PATIENCE_MS) {
      if ((await isRunning(client)) && (await isOnline(client))) {
        const Parameters = { job: [job] };
        await client.send(new SendCommandCommand({ DocumentName: 'run', InstanceIds: ['i-1'], Parameters }));
        return;
      }
      await clock.sleep(POLL_MS);
    }
    throw new Error('the instance is not ready');
  },

  async stop(client: Client): Promise<void> {
    await client.send(new StopInstancesCommand({ InstanceIds: ['i-1'] }));
  },
} as const satisfies Record<string, (client: Client, event: object, clock: Clock) => Promise<void>>;

async function isRunning(client: Client): Promise<boolean> {
  const answer = (await client.send(new DescribeInstancesCommand({ InstanceIds: ['i-1'] }))) as {
    Reservations: { Instances: { State: { Name: string } }[] }[];
  };
  return answer.Reservations[0]?.Instances[0]?.State.Name === 'running';
}

async function isOnline(client: Client): Promise<boolean> {
  const answer = (await client.send(new DescribeInstanceInformationCommand({}))) as {
    InstanceInformationList: { PingStatus: string }[];
  };
  return answer.InstanceInformationList[0]?.PingStatus === 'Online';
}
