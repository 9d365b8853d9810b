import type { Steps } from '../../console/steps';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';

/**
 * Shows the local cloud's events as steps, except the output of functions and commands. A sweep runs every minute or so: only its
 * effects and its failure are shown.
 */
export function cloudEventSteps(steps: Steps): (event: CloudEvent) => void {
  let announcedSweeps = 0;
  const sweeps = new Set<string>();
  return (event) => {
    switch (event.kind) {
      case 'instance':
      case 'agent':
        steps.show('instance', event.text);
        break;
      case 'notification':
        steps.show('event', event.text, event.outcome === 'delivered' ? 'plain' : 'bad');
        break;
      case 'event':
        if (event.detailType === SWEEP) announcedSweeps += 1;
        else steps.show('event', event.text);
        break;
      case 'function':
        if (event.phase === 'invoked' && announcedSweeps > 0) {
          announcedSweeps -= 1;
          sweeps.add(event.requestId);
        }
        if (event.phase === 'failed') steps.show('function', event.text, 'bad');
        else if (!sweeps.has(event.requestId)) steps.show('function', event.text);
        if (event.phase !== 'invoked') sweeps.delete(event.requestId);
        break;
      case 'command':
        steps.show('command', event.text, BAD_ENDS.has(event.status) ? 'bad' : 'plain');
        break;
      case 'denied':
        steps.show('denied', event.text, 'bad');
        break;
      case 'warning':
        steps.show('cloud', event.text, 'bad');
        break;
      case 'output':
      case 'log':
        break;
    }
  };
}

/** The detail type of a schedule's event. The sweep is the only schedule. */
const SWEEP = 'Scheduled Event';

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html */
const BAD_ENDS = new Set(['Failed', 'TimedOut', 'Cancelled']);
