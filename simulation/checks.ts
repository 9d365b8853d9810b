import {
  CLAIM_PREFIX,
  DRAIN_STATUS_KEY,
  OPEN_PREFIX,
  STATUS_PREFIX,
  jobIdInLedgerKey,
  jobIdInReceiptKey,
  receiptKey,
} from '../lifecycle/job';
import type { Claim, Gate, Receipt } from '../lifecycle/records';
import type { ProcessEnd, Program } from '../runner/host';
import { BoundedSpan } from './bounded-span';
import type { Check, MakeCheck, Violation } from './check-list';
import type { Functions } from './functions';
import type { SimInstance } from './instance';
import type { Machine } from './machine';
import type { People } from './people';
import type { SimProcess } from './process';
import type { SimProgram } from './program';
import { checkReceipt, type Run } from './receipt-check';
import { RunEnds } from './run-ends';
import type { BucketName, SimS3 } from './s3';
import { CLOCK_SLACK_MS, SWEEP_MS, timeLimitSeconds, type SimModel } from './settings';
import type { SimSsm } from './ssm';
import type { Wire } from './wire';
import type { World } from './world';

/** A closer that died is believed dead after this; lifecycle/settle.ts. */
const CLOSING_MARGIN_MS = 30_000;
const SLACK_MS = 20_000;
/** What a model has after SIGTERM, runner/context.ts, and a second. */
const KILL_GRACE_MS = 11_000;
/** A boot whose agent is deaf is given up after three silences of the breaker's, at 10 to 15 minutes each. */
const NEGLECT_BOUND_MS = 60 * 60_000;
/** What is left when all is quiet but for the gate: a dead closer's CLOSING, taken over by the second sweep. */
const GATE_BOUND_MS = 2 * SWEEP_MS + SLACK_MS;
const PROMPT_MS = 6 * 60_000;
/** A command is known to be under way when it was sent so long ago. */
const KNOWN_AFTER_MS = 30_000;
/** Three ends without work, a minute apart by clocks that differ; lifecycle/breaker.ts. */
const TRIP_AFTER_WORK_MS = 3 * 60_000 - CLOCK_SLACK_MS;
/** Faults over and nothing wrong, a history ends in hours. */
const LONGEST_MS = 24 * 3_600_000;

/** All parts that the checks watch. */
export interface CheckedWorld extends World {
  readonly s3: SimS3;
  readonly instance: SimInstance;
  readonly machine: Machine;
  readonly ssm: SimSsm;
  readonly functions: Functions;
  readonly wire: Wire;
  readonly people: People;
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
  private readonly ends = new RunEnds();
  /** The latest claim of each job, as it was first written. */
  private readonly claims = new Map<string, SeenClaim>();
  private lastRunAt = -Infinity;
  private readonly writers = new Map<string, number>();
  private gateClosedSince: number | undefined;
  private readonly idle: BoundedSpan;
  private readonly neglected: BoundedSpan;
  private quietSince: number | undefined;

  private readonly check: MakeCheck = (check, holds, detail) => {
    this.made.set(check, (this.made.get(check) ?? 0) + 1);
    if (!holds) this.fail(check, detail());
  };

  constructor(private readonly world: CheckedWorld) {
    const { settings } = world;
    const idleBoundMs =
      SWEEP_MS +
      CLOSING_MARGIN_MS +
      (timeLimitSeconds(settings, 'stop') + settings.lingerSeconds) * 1000 +
      SLACK_MS;
    this.idle = new BoundedSpan(world, 'idle time is bounded', idleBoundMs, this.check);
    this.neglected = new BoundedSpan(world, 'open jobs are not neglected', NEGLECT_BOUND_MS, this.check);
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
    // The machine asks its metadata service, which knows its tags at once.
    const sawHold = typeof by === 'string' ? instance.held : seenBy(by, instance.heldSince);
    this.check('hold is heeded', !sawHold, () => `${who} stops the held instance`);
    const busy = this.busyPrograms();
    this.check('no stop of ours while a model runs', busy.length === 0, () => {
      return `${who} stops the instance while there is ${busy.join(' and ')}`;
    });
    this.world.people.aim();
  }

  /** The machine goes off by a stop of ours, with all that still runs on it. */
  offByOurStop(): void {
    const busy = this.busyPrograms();
    this.killed += busy.length;
    this.check('no model killed by a stop of ours', busy.length === 0, () => {
      return `${busy.join(' and ')} dies with the machine`;
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
    if (this.world.faults.none) {
      this.check('who meets it pending does not invoke worker', by.metOnlyPending !== true, () => {
        return `${by.id} invokes worker, as whoever has started the instance does`;
      });
    }
    this.wakesFor(by, 'invokes worker');
  }

  beforeSend(by: SimProcess, input: object): void {
    const { ssm, faults, timeline, instance, people } = this.world;
    const sent = JSON.stringify(input);
    const named = people.uploads.find(({ key, jobId }) => sent.includes(inJson(key)) || sent.includes(jobId));
    this.check('no command names an upload', named === undefined, () => {
      return `${by.id} sends ${sent}, and ${JSON.stringify(named?.key)} was uploaded`;
    });
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
      const isWanted = model.retryOnFailure || !this.ends.hasJustFailed(jobId, drain);
      this.check('a failed model is retried as its card says', isWanted, () => {
        return `${drain.id} runs job ${jobId.slice(0, 6)} again, though the model has failed and retryOnFailure is false`;
      });
    }
    return this.runs.length;
  }

  /** A program has come to an end that its drain sees. */
  programEnded(program: SimProgram, end: ProcessEnd, lastedMs: number): void {
    if (program.program !== 'run') return;
    this.ends.add(program, end, lastedMs);
    const limitMs = program.model.timeLimitMinutes * 60_000 + KILL_GRACE_MS;
    this.check('no run beyond its time limit', lastedMs <= limitMs, () => {
      return `${program.name} ran for ${Math.round(lastedMs / 1000)} s`;
    });
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

  afterPut(process: SimProcess, bucket: BucketName, key: string, text: string): void {
    const { people, timeline, jobs } = this.world;
    if (bucket === 'control') {
      const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
      if (jobId !== undefined) jobs.opened(jobId);
      const gate = key === 'gate.json' ? (recordIn(text) as Gate).state : undefined;
      if (gate === 'OPEN') this.gateClosedSince = undefined;
      else if (gate !== undefined) this.gateClosedSince ??= timeline.now;
      if (gate === 'CLOSED') process.closedAt = timeline.now;
      if (gate === 'CLOSING' || gate === 'CLOSED') people.aim();
    } else {
      const jobId = jobIdInReceiptKey(key);
      if (jobId === undefined) return;
      const receipt = recordIn(text) as Receipt;
      jobs.receiptWritten(jobId, receipt.outcome);
      const runOf = (output: string) => this.runs[(this.writers.get(output) ?? 0) - 1];
      checkReceipt(receipt, this.world, runOf, this.ends, this.check);
      people.aim();
    }
    this.look();
  }

  afterDelete(process: SimProcess, bucket: BucketName, key: string): void {
    const jobId = bucket === 'control' ? jobIdInLedgerKey(OPEN_PREFIX, key) : undefined;
    if (jobId === undefined) return;
    const { jobs } = this.world;
    this.check('one receipt for each upload', jobs.hasReceipt(jobId), () => {
      return `${process.id} deletes the open record of ${jobId.slice(0, 6)}, which has no receipt`;
    });
    jobs.noLongerOpen(jobId);
    this.look();
  }

  functionEnded({
    id,
    kind,
    calls,
    startedAt,
    closedAt,
    tripped,
    startedInstanceAt,
    invoked,
  }: SimProcess): void {
    const { instance, faults, jobs } = this.world;
    const { from, to } = instance.onTimes.at(-1) ?? { from: 0, to: 0 };
    if (from === startedInstanceAt && to === Infinity) {
      this.check('who starts the instance invokes worker', invoked, () => {
        return `${id} started the instance and ended without`;
      });
    }
    // Who has seen it paused wakes nobody; when the pause is taken away, the next sweep does.
    const mayHaveSeenPause = instance.paused || instance.unpausedAt >= startedAt - SEEN_AFTER_MS;
    if (closedAt !== undefined && !tripped && !mayHaveSeenPause && !faults.has('person pauses')) {
      const left = instance.startAskedAt < closedAt ? jobs.openBefore(closedAt) : undefined;
      this.check('what is left to the closer is woken for', left === undefined, () => {
        return `${id} closed the gate and ended, and nobody has woken the instance for ${left?.slice(0, 6) ?? ''}`;
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
    const { instance, machine, faults, jobs } = this.world;
    this.idle.follow(instance.state === 'running' && !jobs.areOpen && !instance.held);
    const mayStart = !instance.paused && !instance.isInterrupted;
    this.neglected.follow(jobs.areOpen && !machine.drainLives && mayStart);
    if (faults.none) {
      this.check('the breaker does not trip without cause', !instance.paused, () => 'no fault has struck');
    }
  }

  /** Now and then when faults are over: ends the history when all is quiet, and tells what does not come to an end. */
  observe(): void {
    const { timeline, faults, people } = this.world;
    this.idle.look();
    this.neglected.look();
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
    const { s3, instance, functions, machine, people, jobs } = this.world;
    const taken = people.uploads.filter(({ taken }) => taken);
    return (
      instance.state === 'stopped' &&
      !instance.isInterrupted &&
      functions.pending === 0 &&
      !machine.drainLives &&
      s3.keys('control', OPEN_PREFIX).length === 0 &&
      taken.every(({ jobId }) => jobs.hasReceipt(jobId))
    );
  }

  private atTheEnd(): void {
    const { s3, instance, machine, people, faults, jobs } = this.world;
    for (const { key, jobId, taken, at } of people.uploads) {
      const found = s3.peek('output', receiptKey(key, jobId)) !== undefined;
      this.check('one receipt for each upload', found === taken, () => {
        return `${key}, job ${jobId.slice(0, 6)}: ${found ? 'a receipt for what no model takes' : 'no receipt'}`;
      });
      const receiptAt = jobs.receiptAt(jobId);
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
    this.callsInAll();
    // A stop may come while a drain, its receipt written, is still at deleting records; they expire.
    if (!faults.none || machine.drainsKilled > 0) return;
    const left = [...s3.keys('control', CLAIM_PREFIX), ...s3.keys('control', STATUS_PREFIX)].filter(
      (key) => key !== DRAIN_STATUS_KEY,
    );
    this.check('nothing is left behind without faults', left.length === 0, () => left.join(', '));
  }

  /** The bounds without faults are half as much again as the most of 5,000 histories; a fault may cost as much as it ever did. */
  private callsInAll(): void {
    const { wire, functions, instance, people, faults } = this.world;
    const { starts } = instance;
    const uploads = people.uploads.length;
    const reasons = uploads + starts + functions.sweeps;
    const runMinutes = this.programMs / 60_000;
    let struck = faults.hasCrashPoint ? 1 : 0;
    for (const times of faults.injected.values()) struck += times;
    const bounds = {
      lambda: 2 * reasons + 3 * struck,
      ec2: 6 * reasons + 48 * starts + 1_200 * struck,
      ssm: 3 * reasons + 48 * starts + 1_200 * struck,
      s3: 75 * uploads + 25 * functions.sweeps + 40 * starts + 6 * runMinutes + 70 * struck,
    };
    for (const service of ['lambda', 'ec2', 'ssm', 's3'] as const) {
      const made = wire.counts[service];
      this.check('calls are bounded in all', made <= bounds[service], () => {
        return `${made} calls to ${service}, ${Math.round(bounds[service])} are allowed`;
      });
    }
  }

  /** Only where the rule is strict: a settle that looks at all open records, as receipts' settles do not. */
  private wakesFor(by: SimProcess, what: string): void {
    if (by.kind !== 'stop' || !by.looksAtAll || this.world.faults.has('call late')) return;
    const forJob = this.world.jobs.wereOpenSince(by.startedAt);
    this.check(
      'no wake-up for nothing',
      forJob,
      () => `${by.id} ${what}, but no job was open since it began`,
    );
  }

  /** What a drain that died has left running is no attempt any more; the next drain ends it. */
  private busyPrograms(): string[] {
    const alive = [...this.world.machine.programs].filter(({ owner }) => owner.alive);
    return alive.map(({ name }) => name);
  }
}

/** Whoever reads it in production checks its shape; here that would cost more than all the rest. */
function recordIn(text: string): unknown {
  return JSON.parse(text);
}

/** A text as it stands within a longer one in JSON. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The plain chain does not converge: after so long, faults over, it is looked at as it is. */
const PLAIN_CHAIN_MS = 3_600_000;

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
