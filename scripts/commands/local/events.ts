import type { Steps } from '../../console/steps';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';

/**
 * Shows the local cloud's events as steps. What functions and commands write is left to their logs; and a sweep, which comes
 * again and again, is shown only by what it sets off, or when it fails.
 */
export function cloudEventSteps(steps: Steps): (event: CloudEvent) => void {
  let sweepsBeginning = 0;
  const sweeps = new Set<string>();
  return (event) => {
    switch (event.kind) {
      case 'instance':
      case 'agent':
        steps.say('instance', event.text);
        break;
      case 'notification':
        steps.say('event', event.text, event.outcome === 'delivered' ? 'plain' : 'bad');
        break;
      case 'event':
        if (event.detailType === SWEEP) sweepsBeginning += 1;
        else steps.say('event', event.text);
        break;
      case 'function':
        if (event.phase === 'invoked' && sweepsBeginning > 0) {
          sweepsBeginning -= 1;
          sweeps.add(event.requestId);
        }
        if (event.phase === 'failed') steps.say('function', event.text, 'bad');
        else if (!sweeps.has(event.requestId)) steps.say('function', event.text);
        if (event.phase !== 'invoked') sweeps.delete(event.requestId);
        break;
      case 'command':
        steps.say('command', event.text, BAD_ENDS.has(event.status) ? 'bad' : 'plain');
        break;
      case 'denied':
        steps.say('denied', event.text, 'bad');
        break;
      case 'warning':
        steps.say('cloud', event.text, 'bad');
        break;
      case 'output':
      case 'log':
        break;
    }
  };
}

/** The detail type of what a schedule sends; only the sweep has one. */
const SWEEP = 'Scheduled Event';

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html */
const BAD_ENDS = new Set(['Failed', 'TimedOut', 'Cancelled']);
