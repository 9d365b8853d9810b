import { CLAIM_PREFIX, OPEN_PREFIX, jobIdInLedgerKey, jobIdInReceiptKey, receiptKey } from '../lifecycle/job';
import type { Claim, Gate, Receipt } from '../lifecycle/records';
import type { Fault } from './faults';
import type { Program } from '../runner/host';
import type { SimProcess } from './process';
import type { BucketName } from './s3';
import { SWEEP_MS, timeLimitSeconds, type SimModel, type World } from './world';

/** Every check and what it guards. */
export const CHECKS = {
  'no stop of ours while a model runs': 'invariant 2, at the instant a stop takes effect',
  'no model killed by a stop of ours': 'invariant 2, at the instant the machine goes off',
  'one run of a job at a time': 'invariant 4',
  'attempts within bounds': 'invariant 5',
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
  'who starts the instance invokes worker': 'promptness: whoever else meets it pending relies on that',
  'what is left to the closer is woken for':
    'a job that was open before CLOSED was written, when the closer ends',
  'hold is heeded': 'no stop of ours while people have said so for long enough to be seen',
  'pause is heeded': 'no start of ours while people have said so for long enough to be seen',
  'no job fails without a reason': 'a failed receipt needs a fault that makes jobs fail',
  'no claim behind a closed gate': 'economy: none by a drain that began when the gate was closed already',
  'no model behind a closed gate': 'invariant 2: none begins for a claim that came after the gate was closed',
  'calls are bounded': 'economy: per execution, and per job and minute of a drain',
  'no error of programming': 'no TypeError and the like out of production code',
} as const;

export type Check = keyof typeof CHECKS;

export interface Violation {
  readonly check: Check;
  readonly detail: string;
  readonly at: number;
}

/** A closer that died is believed dead after this; lifecycle/settle.ts. */
const CLOSING_MARGIN_MS = 30_000;
const SLACK_MS = 20_000;
/** A boot whose agent is deaf is given up after three silences of the breaker's, at 10 to 15 minutes each. */
const NEGLECT_BOUND_MS = 60 * 60_000;
/** What is left when all is quiet but for the gate: a dead closer's CLOSING, taken over by the second sweep. */
const GATE_BOUND_MS = 2 * SWEEP_MS + SLACK_MS;
const PROMPT_MS = 6 * 60_000;
const CLOCK_SLACK_MS = 20_000;
/** A command is known to be under way when it was sent so long ago. */
const KNOWN_AFTER_MS = 30_000;
/** Three ends without work, a minute apart by clocks that differ; lifecycle/breaker.ts. */
const TRIP_AFTER_WORK_MS = 3 * 60_000 - CLOCK_SLACK_MS;
/** Faults over and nothing wrong, a history ends in hours. */
const LONGEST_MS = 24 * 3_600_000;

interface Run {
  readonly jobId: string;
  readonly drain: string;
  readonly attempt: number;
}

interface SeenClaim {
  readonly drain: string;
  readonly attempt: number;
  readonly at: number;
}

/** Watches one history. The first violation is kept and ends it. */
export class Checks {
  violation: Violation | undefined;
  readonly made = new Map<Check, number>();
  /** How long programs ran or may have run in all, in milliseconds. */
  private programMs = 0;
  /** Models killed by a stop of ours. */
  killed = 0;
  private readonly runs: Run[] = [];
  private readonly attempts = new Map<string, number>();
  /** The latest claim of each job, as it was first written. */
  private readonly claims = new Map<string, SeenClaim>();
  private lastRunAt = -Infinity;
  private readonly writers = new Map<string, number>();
  /** Jobs whose open record is there and whose receipt is not. */
  private readonly open = new Map<string, number>();
  private lastOpenAt = 0;
  private gateClosedSince: number | undefined;
  private readonly receipts = new Map<string, number>();
  /** Jobs that ended in failure: for ours, their receipt says so. */
  private readonly failedJobs = new Set<string>();
  private idleSince: number | undefined;
  private neglectedSince: number | undefined;
  private quietSince: number | undefined;
  private readonly idleBoundMs: number;

  constructor(private readonly world: World) {
    const { settings } = world;
    this.idleBoundMs =
      SWEEP_MS +
      CLOSING_MARGIN_MS +
      (timeLimitSeconds(settings, 'stop') + settings.lingerSeconds) * 1000 +
      SLACK_MS;
  }

  fail(check: Check, detail: string): void {
    if (this.world.plainChain) return;
    this.violation ??= { check, detail, at: this.world.timeline.now };
    this.world.tell?.('VIOLATION', `${check}: ${detail}`);
    this.world.timeline.end();
  }

  /** Somebody who may close has just seen nothing open: a moment for a job to come. */
  sawNothing(by: SimProcess): void {
    if (by.kind !== 'worker') this.world.people.aim();
  }

  beforeOurStop(by: SimProcess | 'the idle timer'): void {
    const { instance } = this.world;
    const who = typeof by === 'string' ? by : by.id;
    this.check('hold is heeded', !seenBy(by, instance.heldSince), () => `${who} stops the held instance`);
    this.check('no stop of ours while a model runs', this.busyProgram() === undefined, () => {
      return `${who} stops the instance while there is ${this.busyProgram() ?? ''}`;
    });
    this.world.people.aim();
  }

  /** The machine goes off by a stop of ours, with all that still runs on it. */
  offByOurStop(): void {
    const busy = this.busyProgram();
    if (busy !== undefined) this.killed += 1;
    this.check('no model killed by a stop of ours', busy === undefined, () => {
      return `${busy ?? ''} dies with the machine`;
    });
  }

  beforeStart(by: SimProcess | 'people' | 'EC2'): void {
    if (typeof by === 'string') return;
    this.check(
      'pause is heeded',
      !seenBy(by, this.world.instance.pausedSince),
      () => `${by.id} starts the paused instance`,
    );
    this.wakesFor(by, 'starts the instance');
  }

  beforeInvoke(by: SimProcess): void {
    by.invoked = true;
    this.wakesFor(by, 'invokes worker');
  }

  beforeSend(by: SimProcess): void {
    const { ssm, faults, timeline, instance } = this.world;
    // A description that comes late may not be the one that the worker was given.
    if (by.shownLaunch !== undefined && !faults.has('call late')) {
      this.check('no command to an agent that is gone', ssm.heardAfter(by.shownLaunch), () => {
        return `${by.id} sends a command, and nothing was heard of the agent since the launch`;
      });
    }
    if (faults.has('command status stale')) return;
    const under = ssm.commands.find(
      ({ sentAt, statuses }) =>
        sentAt >= instance.launchTime &&
        timeline.now - sentAt > KNOWN_AFTER_MS &&
        ['Pending', 'InProgress'].includes(statuses.at(-1)?.status ?? ''),
    );
    // A call may have been on its way for as long as the SDK's tries take.
    this.check('no second command', under === undefined || by.startedAt < under.sentAt, () => {
      return `${by.id} sends a command while ${under?.id ?? ''} is under way`;
    });
  }

  programStarts(drain: SimProcess, jobId: string, model: SimModel, program: Program): number {
    const { machine, timeline } = this.world;
    const other = [...machine.programs].find((running) => running.jobId === jobId);
    this.check('one run of a job at a time', other === undefined, () => `${other?.name ?? ''} still runs`);
    this.programMs += program === 'run' ? model.longestRunMs * 2 + model.timeLimitMinutes * 60_000 : 60_000;
    const claim = this.claims.get(jobId);
    this.runs.push({ jobId, drain: drain.id, attempt: claim?.attempt ?? 0 });
    const closedBefore = (this.gateClosedSince ?? Infinity) < (claim?.at ?? -Infinity);
    this.check('no model behind a closed gate', !closedBefore, () => {
      return `${drain.id} claimed job ${jobId.slice(0, 6)} when the gate was closed`;
    });
    if (program === 'run') {
      this.lastRunAt = timeline.now;
      const attempts = (this.attempts.get(jobId) ?? 0) + 1;
      this.attempts.set(jobId, attempts);
      this.check('attempts within bounds', attempts <= model.maxAttempts, () => {
        return `job ${jobId.slice(0, 6)} is run for the ${attempts}th time, maxAttempts is ${model.maxAttempts}`;
      });
    }
    return this.runs.length;
  }

  beforePut(process: SimProcess, bucket: BucketName, key: string, text: string): void {
    if (bucket === 'control' && key.startsWith(CLAIM_PREFIX)) {
      const closedBefore = this.gateClosedSince !== undefined && this.gateClosedSince < process.startedAt;
      this.check('no claim behind a closed gate', !closedBefore, () => `${process.id} writes ${key}`);
      this.claimWritten(recordIn(text) as Claim);
    }
    if (bucket !== 'output') return;
    const present = this.world.s3.peek('output', key);
    if (jobIdInReceiptKey(key) !== undefined) {
      this.check(
        'a receipt is never replaced',
        present === undefined,
        () => `${process.id} writes ${key} again`,
      );
      return;
    }
    const run = Number(text.slice('run '.length));
    const before = this.writers.get(key);
    this.check('outputs are not mixed', before === undefined || before === run, () => {
      return `${key} is written by runs ${before ?? ''} and ${run}`;
    });
    this.writers.set(key, run);
  }

  private claimWritten({ jobId, drainId: drain, attempt }: Claim): void {
    const seen = this.claims.get(jobId);
    if (seen?.drain === drain && seen.attempt === attempt) return;
    this.claims.set(jobId, { drain, attempt, at: this.world.timeline.now });
  }

  breakerTrips(by: SimProcess): void {
    const workedMs = this.world.timeline.now - this.lastRunAt;
    this.check('the breaker does not trip without cause', workedMs > TRIP_AFTER_WORK_MS, () => {
      return `${by.id} trips it ${Math.round(workedMs / 1000)} s after a model began`;
    });
  }

  /** Taken uploads that never came to an end: no receipt, and the plain chain's model has not failed on them. */
  get lost(): number {
    const ended = (jobId: string) => this.receipts.has(jobId) || this.failedJobs.has(jobId);
    return this.world.people.uploads.filter(({ taken, jobId }) => taken && !ended(jobId)).length;
  }

  get failed(): number {
    return this.failedJobs.size;
  }

  hasResult(jobId: string): boolean {
    return this.receipts.has(jobId);
  }

  /** The plain chain's result. */
  resultOf(jobId: string): void {
    this.receipts.set(jobId, this.world.timeline.now);
    this.failedJobs.delete(jobId);
  }

  /** The plain chain's model has failed or left nothing; nobody is told. */
  failureOf(jobId: string): void {
    if (!this.receipts.has(jobId)) this.failedJobs.add(jobId);
  }

  afterPut(process: SimProcess, bucket: BucketName, key: string, text: string): void {
    const { people, timeline } = this.world;
    if (bucket === 'control') {
      const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
      if (jobId !== undefined) {
        if (!this.receipts.has(jobId)) this.open.set(jobId, this.open.get(jobId) ?? timeline.now);
        // Whoever has looked for the receipt before it was there may create the record after it: who lists now sees a job.
        else this.lastOpenAt = timeline.now;
      }
      const gate = key === 'gate.json' ? (recordIn(text) as Gate).state : undefined;
      if (gate === 'OPEN') this.gateClosedSince = undefined;
      else if (gate !== undefined) this.gateClosedSince ??= timeline.now;
      if (gate === 'CLOSED') process.closedAt = timeline.now;
      if (gate === 'CLOSING' || gate === 'CLOSED') people.aim();
    } else {
      const jobId = jobIdInReceiptKey(key);
      if (jobId === undefined) return;
      this.receipts.set(jobId, timeline.now);
      this.noLongerOpen(jobId);
      const receipt = recordIn(text) as Receipt;
      if (receipt.outcome === 'failed') this.failedJobs.add(jobId);
      this.checkReceipt(receipt);
      people.aim();
    }
    this.look();
  }

  afterDelete(_process: SimProcess, bucket: BucketName, key: string): void {
    const jobId = bucket === 'control' ? jobIdInLedgerKey(OPEN_PREFIX, key) : undefined;
    if (jobId === undefined) return;
    this.check('one receipt for each upload', this.receipts.has(jobId), () => {
      return `${_process.id} deletes the open record of ${jobId.slice(0, 6)}, which has no receipt`;
    });
    this.noLongerOpen(jobId);
    this.look();
  }

  functionEnded({ id, kind, calls, closedAt, tripped, startedInstanceAt, invoked }: SimProcess): void {
    const { instance, faults } = this.world;
    const { from, to } = instance.onTimes.at(-1) ?? { from: 0, to: 0 };
    if (from === startedInstanceAt && to === Infinity) {
      this.check('who starts the instance invokes worker', invoked, () => {
        return `${id} started the instance and ended without`;
      });
    }
    if (closedAt !== undefined && !tripped && !instance.paused && !faults.has('person pauses')) {
      const left = [...this.open].find(([, since]) => since < closedAt && instance.startAskedAt < closedAt);
      this.check('what is left to the closer is woken for', left === undefined, () => {
        return `${id} closed the gate and ended, and nobody has woken the instance for ${left?.[0].slice(0, 6) ?? ''}`;
      });
    }
    const objects = this.world.people.uploads.length;
    const bound =
      kind === 'worker' ? 3 * (8 + timeLimitSeconds(this.world.settings, 'worker') / 4) : 30 + 12 * objects;
    this.check('calls are bounded', calls <= bound, () => `${id} made ${calls} calls, ${bound} are allowed`);
  }

  drainEnded({ id, calls, startedAt }: SimProcess): void {
    const minutes = (this.world.timeline.now - startedAt) / 60_000;
    const objects = this.world.people.uploads.length;
    const bound = 40 + 60 * objects + (20 + 20 * objects) * minutes;
    this.check('calls are bounded', calls <= bound, () => `${id} made ${calls} calls, ${bound} are allowed`);
  }

  /** Production code threw. It may, if AWS gave it reason to; never for a slip of ours. */
  mustBeExpected({ id }: SimProcess, error: unknown): void {
    const slip = slipIn(error);
    this.check('no error of programming', slip === undefined, () => `${id}: ${slip?.stack ?? ''}`);
    this.check('no failure without faults', !this.world.faults.none, () => `${id} fails: ${String(error)}`);
  }

  /** To be called when the instance, the orders, the ledger or the drain have changed. */
  look(): void {
    const { instance, machine, timeline, faults } = this.world;
    const now = timeline.now;
    const idle = instance.state === 'running' && this.open.size === 0 && !instance.held;
    if (idle) this.idleSince ??= now;
    else if (this.idleSince !== undefined) {
      this.endOfSpan('idle time is bounded', this.idleSince, this.idleBoundMs);
      this.idleSince = undefined;
    }
    const neglected = this.open.size > 0 && !machine.drainLives && !instance.paused;
    if (neglected) this.neglectedSince ??= now;
    else if (this.neglectedSince !== undefined) {
      this.endOfSpan('open jobs are not neglected', this.neglectedSince, NEGLECT_BOUND_MS);
      this.neglectedSince = undefined;
    }
    if (faults.none) {
      this.check('the breaker does not trip without cause', !instance.paused, () => 'no fault has struck');
    }
  }

  /** Now and then when faults are over: ends the history when all is quiet, and tells what does not come to an end. */
  observe(): void {
    const { timeline, faults, people } = this.world;
    if (this.idleSince !== undefined)
      this.endOfSpan('idle time is bounded', this.idleSince, this.idleBoundMs);
    if (this.neglectedSince !== undefined) {
      this.endOfSpan('open jobs are not neglected', this.neglectedSince, NEGLECT_BOUND_MS);
    }
    this.check('the breaker does not trip without cause', people.resumed <= 3, () => {
      return 'it pauses again and again';
    });
    if (this.world.plainChain) {
      if (timeline.now > faults.overAt + PLAIN_CHAIN_MS) timeline.end();
      return;
    }
    const quiet = this.isQuiet();
    if (!quiet) this.quietSince = undefined;
    else this.quietSince ??= timeline.now;
    const gateIsLate = timeline.now - (this.quietSince ?? timeline.now) > GATE_BOUND_MS;
    const stuck = timeline.now > faults.overAt + LONGEST_MS;
    if ((quiet && this.gateState() === 'CLOSED') || gateIsLate || stuck) {
      this.atTheEnd();
      timeline.end();
    }
  }

  private gateState(): string {
    const gate = this.world.s3.peek('control', 'gate.json');
    return gate ? (recordIn(gate.text) as Gate).state : 'CLOSED';
  }

  private isQuiet(): boolean {
    const { s3, instance, functions, machine, people } = this.world;
    const taken = people.uploads.filter(({ taken }) => taken);
    return (
      instance.state === 'stopped' &&
      functions.pending === 0 &&
      !machine.drainLives &&
      s3.keys('control', OPEN_PREFIX).length === 0 &&
      taken.every(({ jobId }) => this.receipts.has(jobId))
    );
  }

  private atTheEnd(): void {
    const { s3, instance, people, faults } = this.world;
    for (const { key, jobId, taken, at } of people.uploads) {
      const found = s3.peek('output', receiptKey(key, jobId)) !== undefined;
      this.check('one receipt for each upload', found === taken, () => {
        return `${key}, job ${jobId.slice(0, 6)}: ${found ? 'a receipt for what no model takes' : 'no receipt'}`;
      });
      const receiptAt = this.receipts.get(jobId);
      if (!faults.none || receiptAt === undefined) continue;
      this.check('prompt without faults', receiptAt - at <= this.programMs + PROMPT_MS, () => {
        return `job ${jobId.slice(0, 6)} took ${receiptAt - at} ms`;
      });
    }
    const open = s3.keys('control', OPEN_PREFIX);
    this.check('the ledger ends empty', open.length === 0, () => open.join(', '));
    const state = this.gateState();
    this.check(
      'the instance ends stopped, the gate CLOSED',
      instance.state === 'stopped' && state === 'CLOSED',
      () => `the instance is ${instance.state}, the gate ${state}`,
    );
  }

  private checkReceipt({
    jobId,
    input,
    attempt,
    outcome,
    outputs,
    startedAt,
    endedAt,
    instance,
    claimedAt,
    error,
  }: Receipt): void {
    const { timeline, settings, instance: machine } = this.world;
    const model =
      settings.models.find(({ prefix }) => prefix !== '' && input.key.startsWith(prefix)) ??
      settings.models[0];
    const say = (what: string) => () => `receipt of ${jobId.slice(0, 6)}: ${what}`;
    const check = (ok: boolean, what: string) => this.check('receipts tell the truth', ok, say(what));
    this.check(
      'attempts within bounds',
      attempt <= Math.max(model?.maxAttempts ?? 0, 2),
      say(`attempt ${attempt}`),
    );
    for (const { key } of outputs) {
      const run = this.runs[(this.writers.get(key) ?? 0) - 1];
      check(
        run?.jobId === jobId && run.drain === instance.drainId && run.attempt === attempt,
        `${key} is of another run`,
      );
    }
    const ranLong = /time limit/.test(error?.message ?? '');
    const reason =
      outcome === 'succeeded' || ranLong || FAILING.some((fault) => this.world.faults.injected.has(fault));
    this.check(
      'no job fails without a reason',
      reason || this.world.faults.hasCrashPoint,
      say(`failed: ${error?.message ?? ''}`),
    );
    check((outcome === 'succeeded') === outputs.length > 0, `${outcome} with ${outputs.length} files`);
    const times = [claimedAt, startedAt, endedAt].filter((time) => time !== undefined).map(Date.parse);
    check(
      times.every((time, index) => time >= (times[index - 1] ?? 0)),
      `times out of order: ${times.join(', ')}`,
    );
    const begin = times[0] ?? 0;
    const end = times.at(-1) ?? 0;
    const on = machine.onTimes.some(
      ({ from, to }) => from <= begin + CLOCK_SLACK_MS && end <= to + CLOCK_SLACK_MS,
    );
    check(on && end <= timeline.now + CLOCK_SLACK_MS, 'the instance was off at its times');
  }

  /** Only where the rule is strict: a settle that looks at all open records, as receipts' settles do not. */
  private wakesFor(by: SimProcess, what: string): void {
    if (by.kind !== 'stop' || this.world.faults.has('call late')) return;
    const forJob = this.open.size > 0 || this.lastOpenAt >= by.startedAt || !by.looksAtAll;
    this.check(
      'no wake-up for nothing',
      forJob,
      () => `${by.id} ${what}, but no job was open since it began`,
    );
  }

  private noLongerOpen(jobId: string): void {
    if (this.open.delete(jobId)) this.lastOpenAt = this.world.timeline.now;
  }

  private busyProgram(): string | undefined {
    for (const program of this.world.machine.programs) if (program.owner.alive) return program.name;
    return undefined;
  }

  private endOfSpan(check: Check, since: number, bound: number): void {
    const { timeline, faults } = this.world;
    const from = Math.max(since, faults.overAt);
    if (timeline.now < from) return;
    this.check(
      check,
      timeline.now - from <= bound,
      () => `for ${Math.round((timeline.now - from) / 1000)} s`,
    );
  }

  private check(check: Check, ok: boolean, detail: () => string): void {
    this.made.set(check, (this.made.get(check) ?? 0) + 1);
    if (!ok) this.fail(check, detail());
  }
}

/** Whoever reads it in production checks its shape; here that would cost more than all the rest. */
function recordIn(text: string): unknown {
  return JSON.parse(text);
}

/** The plain chain does not converge: after so long, faults over, it is looked at as it is. */
const PLAIN_CHAIN_MS = 3_600_000;

/** Faults by which an attempt, and so a job, may fail. */
const FAILING: readonly Fault[] = [
  'model fails',
  'model hangs',
  'model writes nothing',
  'setup fails',
  'instance crashes',
  'instance reboots',
  'spot interruption',
  'person stops it',
  'drain killed',
  'drain dies at a call',
  'call failed',
  'call late',
  'call refused',
];

/** A description that is so old is seen by nobody any more. */
const SEEN_AFTER_MS = 16_000;

function seenBy(by: SimProcess | 'the idle timer', since: number | undefined): boolean {
  return since !== undefined && typeof by !== 'string' && by.startedAt > since + SEEN_AFTER_MS;
}

function slipIn(error: unknown): Error | undefined {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) {
      const slip = slipIn(inner);
      if (slip) return slip;
    }
  }
  const slips = [TypeError, RangeError, ReferenceError, SyntaxError];
  return error instanceof Error && slips.some((kind) => error instanceof kind) ? error : undefined;
}
