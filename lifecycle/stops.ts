import { timestamp, wholeSecond } from './clock';
import type { LedgerContext } from './context';
import { messageOf } from './errors';
import type { InstanceReading } from './instance';
import { stopKey } from './job';
import type { Stop } from './records';

/**
 * W8: notes why the instance stopped after a launch. The next drain reads the note if an attempt died with the machine: a
 * death that is explained counts against no job. Never throws, because a start must not fail for want of a note. The first
 * note of a launch stays.
 * @param ours why this function stops the instance. @default EC2's reason, in the reading of a stopped instance
 */
export async function noteStop(
  { control, clock, log }: Pick<LedgerContext, 'control' | 'clock' | 'log'>,
  { state, launchTime, stateReason }: InstanceReading,
  ours?: string,
): Promise<void> {
  // A stop of ours has no effect on an instance that something else has stopped.
  if (ours !== undefined && state !== 'running' && state !== 'pending') return;
  const launchedAt = wholeSecond(launchTime.getTime());
  const stop: Omit<Stop, 'nonce'> = {
    version: 1,
    launchedAt,
    by: ours === undefined ? stopperIn(stateReason?.code ?? '') : 'lamplighter',
    why: ours ?? stateReason?.message ?? 'EC2 gives no reason',
    at: timestamp(clock),
  };
  try {
    await control.create(stopKey(launchedAt), stop);
  } catch (error) {
    log.warn('stop not noted', { ...stop, error: messageOf(error) });
  }
}

/**
 * The part that EC2's StateReason names. `Client.InternalError` and other codes of `Client.` name a cause, but no part.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
 */
function stopperIn(code: string): Stop['by'] {
  if (code.startsWith('Server.')) return 'EC2';
  if (code.startsWith('Client.UserInitiated')) return 'people';
  return code === 'Client.InstanceInitiatedShutdown' ? 'machine' : 'unknown';
}
