import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { wholeSecond } from '../lifecycle/clock';

/*
 * EC2's instance metadata service, version 2: a token, then a GET.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */

const SERVICE = 'http://169.254.169.254/latest';
const TIMEOUT_MS = 2_000;

/** Pauses between the tries to read the identity document, in milliseconds. */
const IDENTITY_PAUSES_MS = [500, 1_000, 2_000];

/** What the service answers about one path. `silent`: no answer, or an error of the service. */
type Answer = { readonly text: string } | 'absent' | 'silent';

/** The instance as EC2 knows it. */
export interface Identity {
  readonly instanceId: string;
  /** The launch of this on-time as DescribeInstances reports it: 2030-01-01T00:00:00.000Z. */
  readonly launchedAt: string;
}

const identitySchema = z.object({
  instanceId: z.string().check(z.minLength(1)),
  /**
   * When the instance last became `pending`. Each start changes it, a reboot does not.
   * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
   */
  pendingTime: z.iso.datetime({ offset: true }),
});

/** Reads the instance's identity document. Undefined: the service does not answer, also after some tries. */
export async function readIdentity(
  request: typeof fetch,
  pausesMs: readonly number[] = IDENTITY_PAUSES_MS,
): Promise<Identity | undefined> {
  for (const pauseMs of [...pausesMs, undefined]) {
    const answer = await read('dynamic/instance-identity/document', request);
    const document = typeof answer === 'object' ? identitySchema.safeParse(jsonIn(answer.text)) : undefined;
    if (document?.success === true) {
      const { instanceId, pendingTime } = document.data;
      return { instanceId, launchedAt: wholeSecond(Date.parse(pendingTime)) };
    }
    if (pauseMs !== undefined) await pause(pauseMs);
  }
  return undefined;
}

/** The tag `lamplighter:hold` of the instance. `unknown`: the service does not answer. */
export type Hold = 'held' | 'not held' | 'unknown';

/** Reads whether people hold the instance. */
export async function readHold(request: typeof fetch): Promise<Hold> {
  const answer = await read('meta-data/tags/instance/lamplighter:hold', request);
  if (answer === 'silent') return 'unknown';
  return answer === 'absent' ? 'not held' : 'held';
}

const instanceActionSchema = z.object({ action: z.string(), time: z.string() });

/**
 * Reads EC2's notice that it is about to take the spot instance away, in words. It comes two minutes before. Undefined: there
 * is none, or the service does not answer.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 */
export async function readSpotNotice(request: typeof fetch): Promise<string | undefined> {
  const answer = await read('meta-data/spot/instance-action', request);
  if (typeof answer === 'string') return undefined;
  const notice = instanceActionSchema.safeParse(jsonIn(answer.text));
  if (!notice.success) return 'EC2 takes the spot instance away';
  const { action, time } = notice.data;
  return `EC2 takes the spot instance away at ${time} (${action})`;
}

async function read(path: string, request: typeof fetch): Promise<Answer> {
  try {
    const token = await request(`${SERVICE}/api/token`, {
      method: 'PUT',
      headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '60' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!token.ok) return 'silent';
    const answer = await request(`${SERVICE}/${path}`, {
      headers: { 'X-aws-ec2-metadata-token': await token.text() },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.status === 404) return 'absent';
    return answer.ok ? { text: await answer.text() } : 'silent';
  } catch {
    return 'silent';
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
