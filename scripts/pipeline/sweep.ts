import { InvokeCommand } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { messageOf } from '../../lifecycle/errors';
import { anyOpen } from '../../lifecycle/ledger';
import { BrokenError } from '../console/exit';
import type { PipelineHandle } from './connect';
import { jsonIn } from './readings/json';

/** The stop function's answer: lifecycle/settle.ts's SettleOutcome. */
const outcomeSchema = z.looseObject({ did: z.string(), wake: z.string().optional() });

type SweepOutcome = z.infer<typeof outcomeSchema>;

/** The payload of a scheduled sweep. */
const SWEEP = { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} };

/**
 * Invokes the stop function, so that the sweep happens now. Throws BrokenError with `done`: what the command did before.
 * @param detail `afterHold`: the command has just ended a hold
 */
export async function sweepNow(
  { target, manifest }: PipelineHandle,
  done: string,
  detail: { readonly afterHold?: boolean } = {},
): Promise<SweepOutcome> {
  const payload = JSON.stringify({ ...SWEEP, detail });
  const later = `${done}; the next sweep, in at most ${manifest.sweepMinutes} minutes, settles the rest`;
  let answer;
  try {
    answer = await target.clients.lambda.send(
      new InvokeCommand({ FunctionName: manifest.functions.stop, Payload: payload }),
    );
  } catch (cause) {
    const why = messageOf(cause);
    throw new BrokenError(`${later}. The stop function could not be invoked now: ${why}`, { cause });
  }
  const text = answer.Payload?.transformToString() ?? '';
  const outcome = outcomeSchema.safeParse(jsonIn(text));
  if (answer.FunctionError === undefined && outcome.success) return outcome.data;
  throw new BrokenError(
    `${later}. The stop function failed just now: ${text.slice(0, 500)}; its log is /aws/lambda/${manifest.functions.stop}`,
  );
}

export async function sweepText(handle: PipelineHandle, { did, wake }: SweepOutcome): Promise<string> {
  const open = (await anyOpen(handle.control)) ? 'jobs are open' : 'no job is open any more';
  switch (did) {
    case 'woke':
      return WOKE[wake ?? ''] ?? `${open}; the stop function: ${wake ?? did}.`;
    case 'stopped':
      return 'Nothing is open: the instance is being stopped.';
    case 'held':
      return 'Nothing is open, and the instance is held: it stays as it is.';
    case 'nothing':
      return 'Nothing is open, and there was nothing to do.';
    case 'tripped':
      return 'The breaker has just tripped: the pipeline is paused again. npx lamplighter doctor shows why.';
    default:
      return 'Another function is settling the pipeline at the moment. The next sweep checks again.';
  }
}

const WOKE: Readonly<Record<string, string>> = {
  woken: 'Jobs are open: the instance has been woken to run them.',
  paused: 'Jobs are open, but the pipeline is paused: they stay open until npx lamplighter resume.',
  closing: 'Jobs are open. The instance is being stopped, and starts again afterwards.',
  'no capacity':
    'Jobs are open, but EC2 does not start the instance now: npx lamplighter doctor says why. The sweep tries again.',
  stopping: 'Jobs are open. The instance is still stopping, and starts again afterwards.',
};
