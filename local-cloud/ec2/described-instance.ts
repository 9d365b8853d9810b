import type { MotoApi } from '../moto/moto-api';
import { instanceTagsIn, instancesIn } from './xml';

/** The instance's tags as they are now; none if it does not exist. */
export async function instanceTags(moto: MotoApi, instanceId: string): Promise<Record<string, string>> {
  const xml = await describe(moto, instanceId).catch(() => undefined);
  return xml === undefined ? {} : instanceTagsIn(xml);
}

/** The ARN of the instance's profile. Throws AwsError if the instance does not exist. */
export async function instanceProfileArn(moto: MotoApi, instanceId: string): Promise<string | undefined> {
  return instancesIn(await describe(moto, instanceId)).at(0)?.profileArn;
}

function describe(moto: MotoApi, instanceId: string): Promise<string> {
  return moto.query('ec2', 'DescribeInstances', { 'InstanceId.1': instanceId });
}
