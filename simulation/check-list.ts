/** Every check and what it guards. */
export const CHECKS = {
  'no stop of ours while a model runs': 'invariant 2, at the instant a stop takes effect',
  'no model killed by a stop of ours': 'invariant 2, at the instant the machine goes off',
  'one run of a job at a time': 'invariant 4',
  'attempts within bounds': 'invariant 5',
  'a failed model is retried as its card says':
    'invariant 5: by retryOnFailure, not otherwise, up to maxAttempts',
  'no run beyond its time limit': "the card's timeLimitMinutes, and the grace after SIGTERM",
  'a receipt is never replaced': 'invariant 4',
  'outputs are not mixed': 'invariant 4',
  'receipts tell the truth': 'outputs, attempt and times fit what happened',
  'one receipt for each upload': 'invariant 1',
  'the ledger ends empty': 'invariant 1',
  'the instance ends stopped, the gate CLOSED': 'invariant 3',
  'idle time is bounded': 'invariant 3: a sweep, the closing margin, the time limit',
  'open jobs are not neglected': 'no drain at work, not paused: an hour at most, faults over',
  'the breaker does not trip without cause':
    'not in a history without faults, not soon after a model began, not again and again',
  'prompt without faults': 'each job ends when all runs are done and 6 minutes have passed',
  'no failure without faults': 'no function and no drain fails in a history without faults',
  'no wake-up for nothing': 'economy: the stop function wakes only for a job that is open',
  'no second command': 'economy: none is sent while one is known to be under way',
  'no command to an agent that is gone':
    'promptness: SSM has heard from the agent since the launch that the worker saw',
  'no command names an upload':
    'invariant 6: neither a key nor a job id reaches a shell; not for the plain chain',
  'who starts the instance invokes worker': 'promptness: whoever else meets it pending relies on that',
  'who meets it pending does not invoke worker': 'economy: a burst invokes one worker; without faults',
  'what is left to the closer is woken for':
    'a job that was open before CLOSED was written, when the closer ends',
  'hold is heeded': 'no stop of ours while people have said so for long enough to be seen',
  'pause is heeded': 'no start of ours while people have said so for long enough to be seen',
  'no job fails without a reason': 'a failed receipt tells what has really happened to its job',
  'no claim behind a closed gate': 'economy: none by a drain that began when the gate was closed already',
  'no model behind a closed gate': 'invariant 2: none begins for a claim that came after the gate was closed',
  'calls are bounded': 'economy: per execution, and per job and minute of a drain',
  'calls are bounded in all': 'economy: per upload, start, sweep and fault, each service by itself',
  'nothing is left behind without faults': 'no claim and no status of a job that has ended',
  'no error of programming': 'no TypeError and the like out of production code',
} as const;

export type Check = keyof typeof CHECKS;

export interface Violation {
  readonly check: Check;
  readonly detail: string;
  readonly at: number;
}

/** Makes one check: counts it, and ends the history when it does not hold. */
export type MakeCheck = (check: Check, holds: boolean, detail: () => string) => void;
