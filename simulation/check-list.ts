/** Every check and the rule that it guards. */
export const CHECKS = {
  'no stop of ours while a model runs': 'invariant 2, when a stop takes effect',
  'no model killed by a stop of ours': 'invariant 2, when the machine loses power',
  'one run of a job at a time': 'invariant 4',
  'attempts within bounds': 'invariant 5',
  'a failed model is retried as its card says':
    'invariant 5: by retryOnFailure, not otherwise, up to maxAttempts',
  'no run beyond its time limit': "the card's timeLimitMinutes, and the grace after SIGTERM",
  'a receipt is never replaced': 'invariant 4',
  'outputs are not mixed': 'invariant 4',
  'receipts tell the truth': 'its outputs, attempt and times are those of the run',
  'one receipt for each upload': 'invariant 1',
  'the ledger ends empty': 'invariant 1',
  'the instance ends stopped, the gate CLOSED': 'invariant 3',
  'idle time is bounded': 'invariant 3: a sweep, the closing margin, the time limit',
  'open jobs are not neglected': 'without a drain and without a pause one hour at most, after the faults',
  'the breaker does not trip without cause':
    'not without faults, not soon after a model began, not again and again',
  'prompt without faults': 'each job ends when all runs are done and 6 minutes have passed',
  'no failure without faults': 'no function and no drain fails in a history without faults',
  'no wake-up for nothing': 'economy: the stop function wakes only for a job that is open',
  'no second command': 'economy: no command is sent while an earlier one is listed as under way',
  'no command to an agent that is gone':
    'promptness: the agent has pinged since the launch that the worker read',
  'no command names an upload':
    'invariant 6: neither a key nor a job id reaches a shell; not for the plain chain',
  'who starts the instance invokes worker':
    'promptness: functions that find it pending do not invoke the worker',
  'who meets it pending does not invoke worker': 'economy: a burst invokes one worker, without faults',
  'what is left to the closer is woken for':
    'promptness: the jobs that were open before CLOSED was written, at the end of the closer',
  'hold is heeded': 'no stop of ours when every description has shown the hold',
  'pause is heeded': 'no start of ours when every description has shown the pause',
  'no job fails without a reason': 'the reason in a failed receipt has really happened to its job',
  'no claim behind a closed gate': 'economy: no claim by a drain that began after the gate was closed',
  'no model behind a closed gate':
    'invariant 2: no model begins for a claim that was written after the gate was closed',
  'calls are bounded': 'economy: per execution, and per job and minute of a drain',
  'calls are bounded in all': 'economy: per upload, start, sweep and fault, for each service',
  'nothing is left behind without faults': 'no claim and no status of a job that has ended',
  'no error of programming': 'production code throws no TypeError, RangeError, ReferenceError or SyntaxError',
} as const;

export type Check = keyof typeof CHECKS;

export interface Violation {
  readonly check: Check;
  readonly detail: string;
  readonly at: number;
}

/** Makes one check and counts it. Ends the history if the check does not hold. */
export type MakeCheck = (check: Check, holds: boolean, detail: () => string) => void;
