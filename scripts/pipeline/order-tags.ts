import { CreateTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import { HOLD_TAG, type InstanceReading, PAUSE_TAG } from '../../lifecycle/instance';
import { BrokenError } from '../console/exit';
import type { PipelineHandle } from './connect';
import { readInstance } from './readings/instance';

export type Order = 'hold' | 'pause';

const TAGS: Readonly<Record<Order, string>> = { hold: HOLD_TAG, pause: PAUSE_TAG };

/** Time that EC2 gets to show a tag that was just written, in milliseconds. EC2's reads lag behind its writes by seconds. */
const READ_BACK_MS = 20_000;

/** EC2's limit on a tag's value. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html */
const MAX_TAG_CHARACTERS = 256;

/** Sets the tag of an order, and returns when EC2 shows the tag. */
export async function setOrder(handle: PipelineHandle, order: Order, why: string): Promise<void> {
  const { target, manifest } = handle;
  const tag = { Key: TAGS[order], Value: why.slice(0, MAX_TAG_CHARACTERS) };
  await target.clients.ec2.send(new CreateTagsCommand({ Resources: [manifest.instanceId], Tags: [tag] }));
  await waitForInstance(handle, `shows ${tag.Key}`, (reading) => reading[order] !== undefined);
}

/** Deletes the tag of an order, and returns when EC2 no longer shows the tag: a sweep right after must not read the old tag. */
export async function clearOrder(handle: PipelineHandle, order: Order): Promise<void> {
  const { target, manifest } = handle;
  const Tags = [{ Key: TAGS[order] }];
  await target.clients.ec2.send(new DeleteTagsCommand({ Resources: [manifest.instanceId], Tags }));
  await waitForInstance(handle, `no longer shows ${TAGS[order]}`, (reading) => reading[order] === undefined);
}

/** Reads the instance until `isSo`. Throws BrokenError when that takes too long. */
export async function waitForInstance(
  handle: PipelineHandle,
  what: string,
  isSo: (reading: InstanceReading) => boolean | Promise<boolean>,
  limitMs = READ_BACK_MS,
): Promise<InstanceReading> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const reading = await readInstance(handle);
    if (await isSo(reading)) return reading;
    if (Date.now() > deadline) {
      throw new BrokenError(
        `${handle.manifest.instanceId} is ${reading.state}: EC2 has not shown within ${limitMs / 1000} s that it ${what}. Check: npx lamplighter status`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, handle.target.pollMs));
  }
}
