import {
  ATTEMPTS_PREFIX,
  CLAIM_PREFIX,
  DRAIN_STATUS_KEY,
  GATE_KEY,
  OPEN_PREFIX,
  ORDERS_KEY,
  jobIdInLedgerKey,
  jobIdInReceiptKey,
} from '../lifecycle/job';
import type { Claim, DrainStatus, Gate, Orders, Receipt } from '../lifecycle/records';
import { REPORT_SECONDS } from '../lifecycle/linger';
import type { ProcessEnd, Program } from '../runner/host';
import { BoundedSpan } from './bounded-span';
import { drainCallBound, functionCallBound } from './call-bounds';
import type { Check, MakeCheck, Violation } from './check-list';
import { checkTheEnd, gateStateIn, isQuiet, type CheckedWorld } from './end-check';
import { FreeSlot } from './free-slot';
import type { SimProcess } from './process';
import type { SimProgram } from './program';
import { checkReceipt, type Run } from './receipt-check';
import type { Fault } from './faults';
import { RunEnds, type DeathCause } from './run-ends';
import type { BucketName } from './s3';
import { CLOCK_SLACK_MS, SWEEP_MS, timeLimitSeconds, type SimModel } from './settings';

/** A copy of lifecycle/gate.ts's CLOSING_MARGIN_SECONDS, in milliseconds: an oracle must not share a fault. */
const CLOSING_MARGIN_MS = 30_000;
const SLACK_MS = 20_000;
/** The model's grace after SIGTERM (runner/context.ts) and one second. */
const KILL_GRACE_MS = 11_000;
/** The breaker gives up a boot whose agent is silent after three wake-ups of 10 to 15 minutes each. */
const NEGLECT_BOUND_MS = 60 * 60_000;
/** The time in which only the gate may change: the second sweep takes over the CLOSING of a closer that died. */
const GATE_BOUND_MS = 2 * SWEEP_MS + SLACK_MS;
/** Age at which every list of commands shows a command. */
const LISTED_AFTER_MS = 30_000;
/** Three wake-ups without work, counted one minute apart by clocks that differ; lifecycle/breaker.ts. */
const TRIP_AFTER_WORK_MS = 3 * 60_000 - CLOCK_SLACK_MS;
/** The longest time that a history may go on after its faults are over. Without a violation it takes some hours. */
const LONGEST_MS = 24 * 3_600_000;
/** The faults under which each death of the machine is seen for what it is. */
const RUNS_ALONE_FAULTS: readonly Fault[] = ['job takes the machine down', 'slow boot'];

/** Time after the faults at which a history of the plain chain ends. The plain chain does not converge. */
const PLAIN_CHAIN_MS = 3_600_000;
/** The longest time that a function may sleep in all, in milliseconds. */
const LONGEST_SLEEP_MS = 60_000;
/** Time for which the call of one trigger to EC2 counts for the others, in milliseconds: 120 s, with a margin. */
const ASKED_FOR_MS = 118_000;
/** Age after which no description of the instance shows an earlier state. */
const DESCRIBED_AFTER_MS = 16_000;
/**
 * How long an agent needs to report the end of a command, in milliseconds. Before that it sends the output of each step.
 * aws/amazon-ssm-agent, agent/framework/processor/executer/iohandler
 */
const AGENT_REPORT_MS = 4_000;

/** The faults that delay neither a drain nor its records. Without any fault there is no sweep. */
const UNRELATED_FAULTS = new Set<Fault>([
  'sweep missed',
  'receipt event lost',
  'receipt event late',
  'slow boot',
]);

interface FirstClaim {
  readonly drain: string;
  readonly attempt: number;
  readonly at: number;
  /** The number of the boot in which it was written. */
  readonly boot: number;
  isReleased: boolean;
  /** The machine, the drain or a person has ended the attempt. */
  isInterrupted: boolean;
}

/** A trigger's call to EC2, and the ETag of the gate that it had read. */
interface TriggerAsk {
  readonly at: number;
  readonly by: string;
  readonly gate: string;
}

/**
 * Watches one history. The parts call a method whose name begins with `check` at each event.
 *
 * - Every such method may end the history: its first violation is kept and ends it.
 * - `checkAndEndIfQuiet` also ends the history when nothing can happen any more.
 * - No other method ends the history.
 */
export class Checks {
  violation: Violation | undefined;
  /** How often each check was made. */
  readonly made = new Map<Check, number>();
  /** Programs of models that a stop of ours killed. */
  killed = 0;
  /** How long all programs ran or may have run, in milliseconds. */
  private programMs = 0;
  /** How long all programs really ran, in milliseconds. */
  private ranMs = 0;
  /** Jobs that ran beside others when the machine died. */
  private readonly suspects = new Set<string>();
  private readonly freeSlot: FreeSlot;
  private readonly runs: Run[] = [];
  private readonly ends = new RunEnds();
  /** The jobs that ran beside others when the machine died, until their next end. */
  private readonly mustRunAlone = new Set<string>();
  /** The latest claim of each job, as it was first written. */
  private readonly claims = new Map<string, FirstClaim>();
  private lastRunAt = -Infinity;
  private drainEndedAt = -Infinity;
  /** Called at each new claim. */
  onFirstClaim: (() => void) | undefined;
  /** The run that wrote the outputs below each attempt's prefix. */
  private readonly writers = new Map<string, number>();
  private gateClosedSince: number | undefined;
  private isGateOpen = false;
  /** The breaker's count in the gate. */
  private fruitless = 0;
  /** Since when orders.json holds a pause. */
  private pauseOrderedSince: number | undefined;
  /** The gate, if it is OPEN, and the process that wrote it. */
  private openGate: { readonly etag: string; readonly by: string } | undefined;
  /** The calls of triggers to EC2, without faults. */
  private readonly asks: TriggerAsk[] = [];
  private readonly idle: BoundedSpan;
  private readonly neglected: BoundedSpan;
  private quietSince: number | undefined;

  private readonly check: MakeCheck = (check, holds, detail) => {
    this.made.set(check, (this.made.get(check) ?? 0) + 1);
    if (!holds) this.endWithViolation(check, detail());
  };

  constructor(private readonly world: CheckedWorld) {
    const { settings } = world;
    const tailSeconds = settings.lingerSeconds + REPORT_SECONDS;
    const closingMs = (timeLimitSeconds('stop') + tailSeconds) * 1000;
    const idleBoundMs = SWEEP_MS + CLOSING_MARGIN_MS + closingMs + SLACK_MS;
    this.idle = new BoundedSpan(world, 'idle time is bounded', idleBoundMs, this.check);
    this.neglected = new BoundedSpan(world, 'open jobs are not neglected', NEGLECT_BOUND_MS, this.check);
    const claims = {
      isHeld: (jobId: string, drain: SimProcess) => {
        const claim = this.claims.get(jobId);
        return claim?.drain === drain.id && !claim.isReleased;
      },
      isSuspect: (jobId: string) => this.suspects.has(jobId),
    };
    this.freeSlot = new FreeSlot(world, claims, this.check);
  }

  /** Called when our functions or the idle timer stop the instance. */
  checkStop(by: SimProcess | 'the idle timer'): void {
    const { instance, machine } = this.world;
    const who = typeof by === 'string' ? by : by.id;
    // The idle timer asks the machine's metadata service, which shows tags at once, unless it is silent.
    const sawHold =
      typeof by === 'string' ? instance.held && machine.knowsHold : mustHaveSeen(by, instance.heldSince);
    this.check('hold is heeded', !sawHold, () => `${who} stops the held instance`);
    const busy = this.busyPrograms();
    this.check('no stop of ours while a model runs', busy.length === 0, () => {
      return `${who} stops the instance during ${busy.join(' and ')}`;
    });
    if (typeof by !== 'string' && by.isSweep) this.checkReport(by);
    this.world.people.aimUpload();
  }

  /** A sweep that begins before the drain has left its last trace cannot know of the work. */
  private checkReport({ id, startedAt }: SimProcess): void {
    const { s3, machine, faults, timeline } = this.world;
    if (!faults.names.every((each) => UNRELATED_FAULTS.has(each))) return;
    const trace = s3.peek('control', DRAIN_STATUS_KEY);
    if (trace && Date.parse((JSON.parse(trace.text) as DrainStatus).at) >= startedAt) return;
    const isReported = !machine.isDraining && timeline.now - this.drainEndedAt >= AGENT_REPORT_MS;
    this.check('no sweep overtakes the report of a drain', isReported, () => {
      return `${id} stops the instance, and the command of the drain never ends`;
    });
  }

  /** Called when a stop of ours switches the machine off, with all that still runs on it. */
  checkPowerOff(): void {
    const busy = this.busyPrograms();
    this.killed += busy.length;
    this.check('no model killed by a stop of ours', busy.length === 0, () => {
      return `${busy.join(' and ')} dies with the machine`;
    });
  }

  /** Called when EC2 describes the instance to a process. */
  checkDescribe(by: SimProcess): void {
    if (by.kind !== 'trigger' || !this.world.faults.none) return;
    const { timeline } = this.world;
    const isCovered = (ask: TriggerAsk) =>
      timeline.now - ask.at < ASKED_FOR_MS &&
      (ask.gate === by.gateRead || (by.gateRead === this.openGate?.etag && this.openGate.by === ask.by));
    const before = this.asks.find(isCovered);
    const isWorking = [...this.claims.values()].some(
      ({ at, isReleased }) => !isReleased && at < by.startedAt,
    );
    const isAlone = before === undefined && !(isWorking && this.openGate);
    this.check('a burst asks EC2 once', isAlone, () => {
      return `${by.id} calls EC2, ${before ? `as ${before.by} did` : 'beside a live claim'}`;
    });
    this.asks.push({ at: timeline.now, by: by.id, gate: by.gateRead });
  }

  checkStart(by: SimProcess | 'people' | 'EC2'): void {
    if (typeof by === 'string') return;
    const isRepeated = by.sawOnlyUndone === true;
    this.check('an undone start is not repeated at once', !isRepeated, () => `${by.id} starts the instance`);
    const sawPause = mustHaveSeen(by, this.world.instance.pausedSince);
    this.check('pause is heeded', !sawPause, () => `${by.id} starts the paused instance`);
    const sawOrder = this.pauseOrderedSince !== undefined && by.startedAt > this.pauseOrderedSince;
    this.check('an ordered pause is heeded at once', !sawOrder, () => `${by.id} starts the paused instance`);
    this.checkWakeUp(by, 'starts the instance');
  }

  checkInvoke(by: SimProcess): void {
    by.invoked = true;
    if (this.world.faults.none) {
      this.check('who meets it pending does not invoke worker', by.foundOnlyPending !== true, () => {
        return `${by.id} invokes worker, as does the function that started the instance`;
      });
    }
    this.checkWakeUp(by, 'invokes worker');
  }

  checkSendCommand(by: SimProcess, input: object): void {
    const { ssm, faults, timeline, instance, people } = this.world;
    const sent = JSON.stringify(input);
    const named = people.uploads.find(({ key, jobId }) => sent.includes(inJson(key)) || sent.includes(jobId));
    this.check('no command names an upload', named === undefined, () => {
      return `${by.id} sends ${sent}, and ${JSON.stringify(named?.key)} was uploaded`;
    });
    // A late call's description is not the one that the worker received.
    if (by.describedLaunch !== undefined && !faults.has('call late')) {
      this.check('no command to an agent that is gone', ssm.hasPingedSince(by.describedLaunch), () => {
        return `${by.id} sends a command, and the agent has not pinged since the launch`;
      });
    }
    if (faults.has('command status stale')) return;
    const live = ssm.commands.find(
      ({ sentAt, statuses }) =>
        sentAt >= instance.launchTime &&
        timeline.now - sentAt > LISTED_AFTER_MS &&
        ['Pending', 'InProgress'].includes(statuses.at(-1)?.status ?? ''),
    );
    // The SDK's retries may delay a call by more than LISTED_AFTER_MS.
    this.check('no second command', live === undefined || by.startedAt < live.sentAt, () => {
      return `${by.id} sends a command while ${live?.id ?? ''} is under way`;
    });
  }

  /** Returns the number of the run. */
  checkProgramStart(drain: SimProcess, jobId: string, model: SimModel, program: Program): number {
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
      this.checkRunsAlone(jobId);
      this.lastRunAt = timeline.now;
      this.checkAttempt(drain, jobId, model);
      this.ends.begins(jobId, drain);
    }
    this.freeSlot.filled();
    return this.runs.length;
  }

  /** Made only if no other fault can hide a death from the drain, or explain it. */
  private checkRunsAlone(jobId: string): void {
    if (this.world.faults.names.some((fault) => !RUNS_ALONE_FAULTS.includes(fault))) return;
    const beside = [...this.world.machine.programs].filter(
      (running) => running.owner.alive && !running.isStuck && running.jobId !== jobId,
    );
    const isSuspect = (other: string) => this.mustRunAlone.has(other);
    const isBeside =
      beside.length > 0 && (isSuspect(jobId) || beside.some((other) => isSuspect(other.jobId)));
    this.check('jobs run alone after a death', !isBeside, () => {
      return `job ${jobId.slice(0, 6)} begins beside ${beside.map(({ name }) => name).join(', ')}`;
    });
  }

  private checkAttempt(drain: SimProcess, jobId: string, model: SimModel): void {
    const byModel = this.ends.recordedModelEnds(jobId);
    this.check('attempts within bounds', byModel < model.maxAttempts, () => {
      return `the model ended ${byModel} runs of job ${jobId.slice(0, 6)}, and another begins; maxAttempts is ${model.maxAttempts}`;
    });
    this.check('no run is killed or repeated without cause', this.ends.mayRunAgain(jobId), () => {
      return `${drain.id} runs job ${jobId.slice(0, 6)} again; ${this.ends.describe(jobId)}`;
    });
    this.check('no job takes the machine down for ever', !this.ends.isBoundless(jobId, model), () => {
      return `${drain.id} runs job ${jobId.slice(0, 6)} again; ${this.ends.describe(jobId)}`;
    });
    const isWanted = model.retryOnFailure || !this.ends.hasJustFailed(jobId, drain);
    this.check('a failed model is retried as its card says', isWanted, () => {
      return `${drain.id} runs job ${jobId.slice(0, 6)} again, though the model has failed and retryOnFailure is false`;
    });
  }

  /** Called when a program ends while its drain is alive. */
  checkProgramEnd(program: SimProgram, end: ProcessEnd, lastedMs: number): void {
    if (this.ends.add(program, end, lastedMs)) this.noteInterruptionOf(program.jobId);
    if (program.program !== 'run') return;
    this.mustRunAlone.delete(program.jobId);
    const limitMs = program.model.timeLimitMinutes * 60_000 + KILL_GRACE_MS;
    this.check('no run beyond its time limit', lastedMs <= limitMs, () => {
      return `${program.name} ran for ${Math.round(lastedMs / 1000)} s`;
    });
  }

  checkBeforePut(process: SimProcess, bucket: BucketName, key: string, text: string): void {
    if (bucket === 'control' && key.startsWith(CLAIM_PREFIX)) {
      const closedBefore = this.gateClosedSince !== undefined && this.gateClosedSince < process.startedAt;
      this.check('no claim behind a closed gate', !closedBefore, () => `${process.id} writes ${key}`);
    }
    if (bucket !== 'output') return;
    const present = this.world.s3.peek('output', key);
    if (jobIdInReceiptKey(key) !== undefined) {
      const isNew = present === undefined;
      this.check('a receipt is never replaced', isNew, () => `${process.id} writes ${key} again`);
      return;
    }
    const run = Number(text.slice('run '.length));
    const attempt = attemptOf(key);
    const before = this.writers.get(attempt);
    this.check('outputs are not mixed', before === undefined || before === run, () => {
      return `${key} is written by runs ${before ?? ''} and ${run}`;
    });
    this.writers.set(attempt, run);
  }

  private recordClaim(by: SimProcess, { jobId, drainId: drain, attempt, released }: Claim): void {
    const isReleased = released !== undefined;
    if (isReleased) this.ends.attemptRecorded(jobId, by);
    const last = this.claims.get(jobId);
    if (last?.drain === drain && last.attempt === attempt) {
      last.isReleased = isReleased;
      return;
    }
    const { timeline, machine } = this.world;
    // A late PUT may take effect after the death of its drain.
    const isInterrupted = !by.alive;
    if (isInterrupted) this.ends.interrupted(jobId);
    const facts = { at: timeline.now, boot: machine.boots, isInterrupted };
    this.claims.set(jobId, { drain, attempt, isReleased, ...facts });
    this.onFirstClaim?.();
  }

  /** Called when the drain is killed or gets SIGTERM, or when its disk is full. */
  noteInterruption(drain: SimProcess): void {
    for (const [jobId, claim] of this.claims) {
      if (claim.drain !== drain.id || claim.isReleased) continue;
      // A machine that goes down kills its drain, too.
      if (this.world.machine.isUp && !claim.isInterrupted) this.mustRunAlone.delete(jobId);
      this.noteInterruptionOf(jobId);
    }
  }

  private noteInterruptionOf(jobId: string): void {
    const claim = this.claims.get(jobId);
    if (!claim || claim.isInterrupted) return;
    claim.isInterrupted = true;
    this.ends.interrupted(jobId);
  }

  /** Called when the machine goes down, with all that runs on it. */
  noteMachineDown(cause: DeathCause): void {
    const { machine, jobs } = this.world;
    const dying = [...this.claims].filter(
      ([jobId, { boot, isReleased }]) => boot === machine.boots && !isReleased && !jobs.hasReceipt(jobId),
    );
    // Each of them may have to run alone now, and leaves the other slots empty.
    for (const [jobId] of dying) this.suspects.add(jobId);
    // The drain's note explains a death to the next drain, whatever happened after the note.
    const isNoted = machine.disk.shutdowns.has(`boot-${machine.boots}`);
    if (cause === 'explained' || isNoted) this.mustRunAlone.clear();
    else if (dying.length > 1) for (const [jobId] of dying) this.mustRunAlone.add(jobId);
    if (cause === 'explained') return;
    const running = [...machine.programs].filter(({ isStuck }) => !isStuck);
    for (const [jobId, { drain }] of dying) {
      const isAlone = running.every((program) => program.jobId === jobId);
      if (isAlone && this.ends.isOfLastRun(jobId, drain)) this.ends.diedAlone(jobId);
    }
  }

  addRunTime(lastedMs: number): void {
    this.ranMs += lastedMs;
  }

  checkAfterPut(process: SimProcess, bucket: BucketName, key: string, text: string): void {
    const { people, jobs } = this.world;
    if (bucket === 'control') {
      const jobId = jobIdInLedgerKey(OPEN_PREFIX, key);
      if (jobId !== undefined) jobs.opened(jobId);
      if (key.startsWith(CLAIM_PREFIX)) this.recordClaim(process, parse(text) as Claim);
      if (key.startsWith(ATTEMPTS_PREFIX)) {
        this.ends.attemptRecorded(jobIdInLedgerKey(ATTEMPTS_PREFIX, key) ?? '', process);
      }
      if (key === ORDERS_KEY) {
        const isPaused = (parse(text) as Orders).pause !== undefined;
        this.pauseOrderedSince = isPaused ? (this.pauseOrderedSince ?? this.world.timeline.now) : undefined;
      }
      if (key === 'gate.json') this.recordGate(process, parse(text) as Gate);
    } else {
      const jobId = jobIdInReceiptKey(key);
      if (jobId === undefined) return;
      const receipt = parse(text) as Receipt;
      jobs.receiptWritten(jobId, receipt.outcome);
      const runOf = (output: string) => this.runs[(this.writers.get(attemptOf(output)) ?? 0) - 1];
      checkReceipt(receipt, this.world, runOf, this.ends, this.check);
      people.aimUpload();
    }
    this.checkSpans();
  }

  private recordGate(process: SimProcess, { state, fruitless }: Gate): void {
    const { people, timeline, s3 } = this.world;
    if (fruitless > this.fruitless) {
      this.check("the breaker does not count EC2's own stops", !process.sawEc2Stop, () => process.id);
    }
    this.fruitless = fruitless;
    const etag = s3.peek('control', GATE_KEY)?.etag ?? '';
    this.openGate = state === 'OPEN' ? { etag, by: process.id } : undefined;
    this.isGateOpen = state === 'OPEN';
    if (state === 'OPEN') {
      this.gateClosedSince = undefined;
      return;
    }
    this.gateClosedSince ??= timeline.now;
    if (state === 'CLOSED') process.closedAt = timeline.now;
    people.aimUpload();
  }

  checkBreakerTrip(by: SimProcess): void {
    const workedMs = this.world.timeline.now - this.lastRunAt;
    this.check('the breaker does not trip without cause', workedMs > TRIP_AFTER_WORK_MS, () => {
      return `${by.id} trips the breaker ${Math.round(workedMs / 1000)} s after a model began`;
    });
  }

  checkAfterDelete(process: SimProcess, bucket: BucketName, key: string): void {
    const claimed = bucket === 'control' ? jobIdInLedgerKey(CLAIM_PREFIX, key) : undefined;
    const claim = claimed === undefined ? undefined : this.claims.get(claimed);
    if (claim) claim.isReleased = true;
    const jobId = bucket === 'control' ? jobIdInLedgerKey(OPEN_PREFIX, key) : undefined;
    if (jobId === undefined) return;
    const { jobs } = this.world;
    this.check('one receipt for each upload', jobs.hasReceipt(jobId), () => {
      return `${process.id} deletes the open record of ${jobId.slice(0, 6)}, which has no receipt`;
    });
    jobs.noLongerOpen(jobId);
    this.checkSpans();
  }

  /** Called when an execution of a function has ended without an error. */
  checkFunctionEnd(process: SimProcess): void {
    const { id, kind, calls, startedInstanceAt, invoked, sleptMs } = process;
    this.check('no function sleeps', kind === 'worker' || sleptMs <= LONGEST_SLEEP_MS, () => {
      return `${id} slept for ${Math.round(sleptMs / 1000)} s`;
    });
    const { from, to } = this.world.instance.onTimes.at(-1) ?? { from: 0, to: 0 };
    if (from === startedInstanceAt && to === Infinity) {
      this.check('who starts the instance invokes worker', invoked, () => {
        return `${id} started the instance and ended without invoking worker`;
      });
    }
    this.checkCloserEnd(process);
    if (kind === 'drain') return;
    const bound = functionCallBound(kind, this.world.people.uploads.length);
    this.check('calls are bounded', calls <= bound, () => `${id} made ${calls} calls, ${bound} are allowed`);
  }

  private checkCloserEnd({ id, startedAt, closedAt, tripped }: SimProcess): void {
    const { instance, faults, jobs } = this.world;
    // A function that saw the pause does not wake the instance. When the pause is removed, the next sweep does.
    const mayHaveSeenPause = instance.paused || instance.unpausedAt >= startedAt - DESCRIBED_AFTER_MS;
    if (closedAt === undefined || tripped || mayHaveSeenPause || faults.has('person pauses')) return;
    const left = instance.startRequestedAt < closedAt ? jobs.openBefore(closedAt) : undefined;
    this.check('what is left to the closer is woken for', left === undefined, () => {
      return `${id} closed the gate and ended, and no function has woken the instance for ${left?.slice(0, 6) ?? ''}`;
    });
  }

  checkDrainEnd({ id, calls, startedAt }: SimProcess): void {
    this.drainEndedAt = this.world.timeline.now;
    const minutes = (this.world.timeline.now - startedAt) / 60_000;
    const bound = drainCallBound(this.world.people.uploads.length, minutes);
    this.check('calls are bounded', calls <= bound, () => `${id} made ${calls} calls, ${bound} are allowed`);
  }

  /** Called when production code has thrown. AWS's failures may cause that, a programming error must not. */
  checkError({ id }: SimProcess, error: unknown): void {
    const found = programmingErrorIn(error);
    this.check('no error of programming', found === undefined, () => `${id}: ${found?.stack ?? ''}`);
    const hasNoCapacity = String(error).includes('InsufficientInstanceCapacity');
    this.check('no capacity fails no function', !hasNoCapacity, () => `${id} fails`);
    this.check('no failure without faults', !this.world.faults.none, () => `${id} fails: ${String(error)}`);
  }

  /** Called when the instance, the orders, the ledger or the drain have changed. */
  checkSpans(): void {
    const { instance, machine, faults, jobs } = this.world;
    // A drain may find an explanation in the stop, although the machine had died before. So only reboots are checked.
    if (instance.state === 'stopped') this.mustRunAlone.clear();
    this.idle.checkAndUpdate(instance.state === 'running' && !jobs.anyOpen && !instance.held);
    const mayStart = !instance.paused && !instance.isInterrupted;
    this.neglected.checkAndUpdate(jobs.anyOpen && !machine.isDraining && mayStart);
    this.freeSlot.checkAndUpdate(this.isGateOpen);
    if (faults.none) {
      this.check('the breaker does not trip without cause', !instance.paused, () => 'no fault has struck');
    }
  }

  /** Called once a minute when the faults are over. Ends the history when nothing can happen any more, or never will. */
  checkAndEndIfQuiet(): void {
    const { timeline, faults, people, s3 } = this.world;
    this.idle.check();
    this.neglected.check();
    this.freeSlot.checkAndUpdate(this.isGateOpen);
    this.check('the breaker does not trip without cause', people.pausesRemoved <= 3, () => {
      return 'the breaker pauses the pipeline again and again';
    });
    if (this.world.plainChain) {
      if (timeline.now > faults.overAt + PLAIN_CHAIN_MS) timeline.end();
      return;
    }
    const quiet = isQuiet(this.world);
    if (!quiet) this.quietSince = undefined;
    else this.quietSince ??= timeline.now;
    const gateIsLate = timeline.now - (this.quietSince ?? timeline.now) > GATE_BOUND_MS;
    const isStuck = timeline.now > faults.overAt + LONGEST_MS + this.programMs;
    if ((quiet && gateStateIn(s3) === 'CLOSED') || gateIsLate || isStuck) {
      checkTheEnd(this.world, { programMs: this.programMs, ranMs: this.ranMs }, this.check);
      timeline.end();
    }
  }

  /** Made only for a settle that reads all open records. The settle of a receipt reads some. */
  private checkWakeUp(by: SimProcess, action: string): void {
    if (by.kind !== 'stop' || !by.settlesAllJobs || this.world.faults.has('call late')) return;
    // A job whose record could not be read counts as open.
    if (by.callsFailed > 0) return;
    this.check(
      'no wake-up for nothing',
      this.world.jobs.anyOpenSince(by.startedAt),
      () => `${by.id} ${action}, but no job was open since it began`,
    );
  }

  private endWithViolation(check: Check, detail: string): void {
    if (this.world.plainChain) return;
    this.violation ??= { check, detail, at: this.world.timeline.now };
    this.world.narrate?.('VIOLATION', `${check}: ${detail}`);
    this.world.timeline.end();
  }

  /** The running programs of live drains, but for those that SIGKILL has not ended. A program of a dead drain is no attempt any more; the next drain ends it. */
  private busyPrograms(): string[] {
    const busy = [...this.world.machine.programs].filter(({ owner, isStuck }) => owner.alive && !isStuck);
    return busy.map(({ name }) => name);
  }
}

/** Production code checks a record's shape when it reads the record. Here that would cost more than all the rest. */
function parse(text: string): unknown {
  return JSON.parse(text);
}

/** The prefix of the attempt that has the output. */
function attemptOf(key: string): string {
  return /^.*?\/attempt-\d+\//.exec(key)?.[0] ?? key;
}

/** A text as it appears inside a longer text in JSON. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Whether every description that the process can have read shows what has been true since then. */
function mustHaveSeen(by: SimProcess, since: number | undefined): boolean {
  return since !== undefined && by.startedAt > since + DESCRIBED_AFTER_MS;
}

function programmingErrorIn(error: unknown): Error | undefined {
  if (error instanceof AggregateError) {
    for (const inner of error.errors) {
      const found = programmingErrorIn(inner);
      if (found) return found;
    }
  }
  const kinds = [TypeError, RangeError, ReferenceError, SyntaxError];
  return error instanceof Error && kinds.some((kind) => error instanceof kind) ? error : undefined;
}
