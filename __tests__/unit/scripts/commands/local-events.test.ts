import { systemClock } from '../../../../lifecycle/clock';
import { cloudEventSteps } from '../../../../scripts/commands/local/events';
import { Steps } from '../../../../scripts/console/steps';
import type { Happening } from '../../../../local-cloud/clockwork/events';
import { recordingTerminal } from '../stand-ins';

function shown(...happenings: Happening[]): string[] {
  const terminal = recordingTerminal();
  const emit = cloudEventSteps(new Steps(terminal, systemClock));
  for (const happening of happenings) emit({ ...happening, at: '2026-01-01T00:00:00.000Z' });
  return terminal.stdout.map((line) => line.slice(14).replace(/ +/, ' '));
}

const run = (requestId: string, phase: 'invoked' | 'succeeded' | 'failed'): Happening => ({
  kind: 'function',
  functionName: 'p-stop',
  requestId,
  phase,
  text: `p-stop ${phase}`,
});
const rule = (detailType: string): Happening => ({
  kind: 'event',
  rule: 'r',
  detailType,
  text: `${detailType} calls p-stop`,
});

describe('the local cloud’s events', () => {
  it('become steps', () => {
    expect(
      shown(
        {
          kind: 'notification',
          bucket: 'b',
          key: 'k',
          functionName: 'f',
          outcome: 'delivered',
          text: 'S3 tells f of k',
        },
        run('1', 'invoked'),
        { kind: 'instance', instanceId: 'i', state: 'pending', text: 'i is pending' },
        run('1', 'succeeded'),
        {
          kind: 'command',
          commandId: 'c',
          instanceId: 'i',
          documentName: 'd',
          status: 'Success',
          text: 'd ended',
        },
        { kind: 'log', functionName: 'f', requestId: '1', text: 'a line of a log' },
        { kind: 'denied', role: 'p-stop', action: 'a', resource: 'r', text: 'User: p-stop may not a on r' },
        { kind: 'warning', text: 'not as AWS would' },
      ),
    ).toEqual([
      'event S3 tells f of k',
      'function p-stop invoked',
      'instance i is pending',
      'function p-stop succeeded',
      'command d ended',
      'denied User: p-stop may not a on r',
      'cloud not as AWS would',
    ]);
  });

  it('of a sweep are hidden, because it runs every minute; its failure and the events of other runs are shown', () => {
    expect(
      shown(
        rule('Scheduled Event'),
        run('sweep', 'invoked'),
        rule('EC2 Command Status-change Notification'),
        run('other', 'invoked'),
        run('sweep', 'succeeded'),
        run('other', 'succeeded'),
        rule('Scheduled Event'),
        run('bad sweep', 'invoked'),
        run('bad sweep', 'failed'),
      ),
    ).toEqual([
      'event EC2 Command Status-change Notification calls p-stop',
      'function p-stop invoked',
      'function p-stop succeeded',
      'function p-stop failed',
    ]);
  });
});
