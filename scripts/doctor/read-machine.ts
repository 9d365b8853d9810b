import { DescribeInstanceInformationCommand, ListCommandsCommand } from '@aws-sdk/client-ssm';
import { MissingError } from '../console/exit';
import type { PipelineHandle } from '../pipeline/connect';
import { readInstance } from '../pipeline/readings/instance';
import type { Facts } from './facts';

/** `gone`: the instance has been terminated, or has never existed. */
export async function readInstanceIfAny(handle: PipelineHandle): Promise<Facts['instance']> {
  try {
    return await readInstance(handle);
  } catch (error) {
    if (error instanceof MissingError) return 'gone';
    throw error;
  }
}

export async function readAgent({ target, manifest }: PipelineHandle): Promise<Facts['agent']> {
  const { InstanceInformationList } = await target.clients.ssm.send(
    new DescribeInstanceInformationCommand({
      Filters: [{ Key: 'InstanceIds', Values: [manifest.instanceId] }],
    }),
  );
  const [found] = InstanceInformationList ?? [];
  return found ? { pingStatus: found.PingStatus ?? 'unknown', lastPing: found.LastPingDateTime } : 'never';
}

export async function readLastDrain({ target, manifest }: PipelineHandle): Promise<Facts['lastDrain']> {
  const { Commands } = await target.clients.ssm.send(
    new ListCommandsCommand({
      // SSM's list by instance lacks the commands that have not reached the instance yet.
      Filters: [{ key: 'DocumentName', value: manifest.document }],
      MaxResults: 10,
    }),
  );
  const own = (Commands ?? []).filter(({ InstanceIds }) => InstanceIds?.includes(manifest.instanceId));
  const [last] = own.sort(
    (a, b) => (b.RequestedDateTime?.getTime() ?? 0) - (a.RequestedDateTime?.getTime() ?? 0),
  );
  if (!last) return 'none';
  const { CommandId: commandId = '', Status: status = 'unknown', RequestedDateTime: requestedAt } = last;
  return { commandId, status, requestedAt };
}
