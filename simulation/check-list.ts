/** What a check guards: an invariant of docs/ARCHITECTURE.md, or a promise without a number. */
export type Guarded =
  `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}` | 'economy' | 'promptness' | "people's orders" | 'the code';

/** Every check: what it guards, and what it compares. Names are printed in docs/SIMULATION.md. */
export const CHECKS = {
  'no stop of ours while a model runs': ['I2', 'when a stop takes effect'],
  'no model killed by a stop of ours': ['I2', 'when the machine loses power'],
  'one run of a job at a time': ['I4', 'over all drains'],
  'attempts within bounds': ['I5', 'those that the model ended, by maxAttempts of the card'],
  "only the model's own doing fails a job": [
    'I5',
    'or its setup, maxInterruptions in a row, three unexplained deaths of the machine under it alone',
  ],
  'no run is killed or repeated without cause': [
    'I5',
    'a run follows another only if the model ended that one, or its drain was killed or got SIGTERM',
  ],
  'no job takes the machine down for ever': [
    'I5',
    'a few unexplained deaths alone, and maxInterruptions in a row',
  ],
  'jobs run alone after a death': [
    'I5',
    'each of several that ran when the machine died, until its next end',
  ],
  'a free slot is not left empty': ['I1', 'for 10 minutes at most, outside of outages'],
  'no function sleeps': ['economy', 'an execution of trigger or stop sleeps for a minute at most'],
  'a failed model is retried as its card says': ['I5', 'by retryOnFailure, not otherwise, up to maxAttempts'],
  'no run beyond its time limit': ['I5', "the card's timeLimitMinutes, and the grace after SIGTERM"],
  'a receipt is never replaced': ['I4', 'each write of a receipt'],
  'outputs are not mixed': ['I4', 'each write below an attempt'],
  'receipts tell the truth': ['I8', 'outputs, attempt and times are those of the run'],
  'one receipt for each upload': ['I1', 'at the end'],
  'the ledger ends empty': ['I1', 'at the end'],
  'the instance ends stopped, the gate CLOSED': ['I3', 'at the end'],
  'idle time is bounded': ['I3', 'a sweep, the closing margin, the time limit and the tail'],
  'open jobs are not neglected': [
    'I1',
    'without a drain and without a pause one hour at most, after the faults',
  ],
  'the breaker does not trip without cause': [
    'I1',
    'not without faults, not soon after a model began, not again and again',
  ],
  'prompt without faults': [
    'promptness',
    'without any sweep, each job ends when all runs are done and 6 minutes have passed',
  ],
  'no failure without faults': ['the code', 'no function and no drain fails in a history without faults'],
  'no wake-up for nothing': ['economy', 'the stop function wakes only for a job that is open'],
  'no sweep overtakes the report of a drain': [
    'promptness',
    'without faults but for lost events: 4 seconds after the end of a drain its command has ended, too',
  ],
  'no second command': ['economy', 'no command is sent while an earlier one is listed as under way'],
  'no command to an agent that is gone': [
    'promptness',
    'the agent has pinged since the launch that the worker read',
  ],
  'no command names an upload': ['I6', 'neither a key nor a job id reaches a shell; not for the plain chain'],
  'who starts the instance invokes worker': [
    'promptness',
    'functions that find it pending do not invoke the worker',
  ],
  'who meets it pending does not invoke worker': ['economy', 'a burst invokes one worker, without faults'],
  'a burst asks EC2 once': [
    'economy',
    'of the triggers that find the same gate one calls EC2, and none after a start of another or beside a live claim; without faults',
  ],
  'no capacity fails no function': ['the code', 'no function fails for want of capacity'],
  'an undone start is not repeated at once': [
    'economy',
    'no start on the event of a stop by which EC2 undid a start',
  ],
  "the breaker does not count EC2's own stops": [
    'I1',
    'no count by a function to which EC2 has shown such a stop',
  ],
  'what is left to the closer is woken for': [
    'promptness',
    'the jobs that were open before CLOSED was written, at the end of the closer',
  ],
  'hold is heeded': ["people's orders", 'no stop of ours when every description has shown the hold'],
  'pause is heeded': ["people's orders", 'no start of ours when every description has shown the pause'],
  'an ordered pause is heeded at once': [
    "people's orders",
    'no start of ours by a function that began after orders.json held the pause',
  ],
  'no job fails without a reason': ['I5', 'a model that a receipt says has failed has really failed'],
  'no claim behind a closed gate': ['economy', 'no claim by a drain that began after the gate was closed'],
  'no model behind a closed gate': [
    'I2',
    'no model begins for a claim that was written after the gate was closed',
  ],
  'calls are bounded': ['economy', 'per execution, and per job and minute of a drain'],
  'calls are bounded in all': ['economy', 'per upload, start, sweep and fault, for each service'],
  'nothing is left behind without faults': ['economy', 'no claim and no status of a job that has ended'],
  'no error of programming': [
    'the code',
    'production code throws no TypeError, RangeError, ReferenceError or SyntaxError',
  ],
} as const satisfies Record<string, readonly [Guarded, string]>;

export type Check = keyof typeof CHECKS;

export interface Violation {
  readonly check: Check;
  readonly detail: string;
  readonly at: number;
}

/** Makes one check and counts it. Ends the history if the check does not hold. */
export type MakeCheck = (check: Check, holds: boolean, detail: () => string) => void;
