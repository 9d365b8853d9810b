import { DescribeInstancesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import { LamplighterError, awsCodeOf, messageOf } from '../../../lifecycle/errors';
import {
  HOLD_TAG,
  type Instance,
  type InstanceReading,
  PAUSE_TAG,
  PHASE_TAG,
} from '../../../lifecycle/instance';
import { MissingError } from '../../console/exit';

/**
 * Describes an instance in any state, even a terminated one. Every field may be missing. Undefined: EC2's answer has no
 * instance. Throws what the SDK throws.
 */
export async function describeInstance(ec2: EC2Client, instanceId: string) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  const found = Reservations?.[0]?.Instances?.[0];
  if (!found) return undefined;
  const tag = (key: string) => found.Tags?.find(({ Key }) => Key === key)?.Value;
  return {
    state: found.State?.Name,
    type: found.InstanceType,
    launchTime: found.LaunchTime,
    isSpot: found.InstanceLifecycle === 'spot',
    phase: tag(PHASE_TAG),
    hold: tag(HOLD_TAG),
    pause: tag(PAUSE_TAG),
  };
}

/** Reads the instance as the lifecycle does. Throws MissingError when the instance is terminated or unknown to EC2. */
export async function readInstance({ instance }: { readonly instance: Instance }): Promise<InstanceReading> {
  try {
    return await instance.read();
  } catch (error) {
    if (isUnknownInstance(error)) {
      const message = `there is no instance ${instance.id} any more; run \`npx cdktf deploy\` to make a new one`;
      throw new MissingError(message, { cause: error });
    }
    if (error instanceof LamplighterError) throw new MissingError(messageOf(error), { cause: error });
    throw error;
  }
}

/** EC2 forgets a terminated instance after about an hour. */
export function isUnknownInstance(error: unknown): boolean {
  return awsCodeOf(error) === 'InvalidInstanceID.NotFound';
}
