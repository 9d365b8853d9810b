import { stop } from '../handlers/stop';
import { trigger } from '../handlers/trigger';
import { ledgerContext } from '../lifecycle/context';
import { dispatch } from '../lifecycle/dispatch';
import { parseEnvironment, stopEnvironmentSchema } from '../lifecycle/environment';
import { Instance } from '../lifecycle/instance';
import { OPEN_PREFIX } from '../lifecycle/job';
import type { DeployedModel } from '../lifecycle/model';
import type { SimInstance } from './instance';
import type { People } from './people';
import { plainFunctions, type Client } from './plain-chain';
import { SimProcess } from './process';
import { formEncoded, type SimS3 } from './s3';
import { BREAKER_WAKE_UPS, MODELS, SWEEP_MS, timeLimitSeconds, type FunctionName } from './settings';
import { logOf, shorten } from './story';
import type { World } from './world';

/** The delays of Lambda's two retries of a failed function, in milliseconds. */
const RETRY_MS = [60_000, 120_000];

/** The part of its time limit that handlers/worker.ts reserves, in seconds. */
const WORKER_RESERVE_SECONDS = 30;

/** Number of sweeps in a row that found the same state, after which the next ones are skipped. */
const SWEEPS_AT_REST = 6;

/** The functions that may run at once, if Lambda's limit of concurrency strikes. A new account has 10. */
const CONCURRENCY_LIMITS = [1, 2, 3, 10];

/** Lambda's first and longest wait before it tries a throttled invocation again, and how long it tries. In milliseconds. */
const THROTTLED = { firstMs: 1_000, longestMs: 300_000, givesUpMs: 6 * 3_600_000 };

/** Maximum delay of an event, in milliseconds. */
const LATEST_EVENT_MS = 600_000;

const environment = parseEnvironment(stopEnvironmentSchema, {
  LAMPLIGHTER_PIPELINE: 'p',
  LAMPLIGHTER_DATA_BUCKET: 'data',
  LAMPLIGHTER_OUTPUT_BUCKET: 'output',
  LAMPLIGHTER_CONTROL_BUCKET: 'control',
  LAMPLIGHTER_INSTANCE_ID: 'i-1',
  LAMPLIGHTER_WORKER_FUNCTION: 'p-worker',
  LAMPLIGHTER_MODELS: JSON.stringify(MODELS),
  // Placeholders: each history has its own settings.
  LAMPLIGHTER_TIME_LIMIT_SECONDS: '120',
  LAMPLIGHTER_LINGER_SECONDS: '0',
  LAMPLIGHTER_BREAKER_WAKE_UPS: String(BREAKER_WAKE_UPS),
  LAMPLIGHTER_METRICS: 'off',
});

/** What the functions need of the other parts. */
interface FunctionsWorld extends World {
  readonly s3: Pick<SimS3, 'keys'>;
  readonly instance: Pick<SimInstance, 'state' | 'starts'>;
  readonly people: Pick<People, 'uploads'>;
  readonly wire: { client(process: SimProcess): Client };
  readonly checks: {
    checkInvoke(by: SimProcess): void;
    checkFunctionEnd(process: SimProcess): void;
    checkError(process: SimProcess, error: unknown): void;
  };
}

/** One invocation of a function, in one of its tries. */
interface Invocation {
  readonly name: FunctionName;
  readonly event: object;
  /** The number of its tries that failed. */
  readonly failures: number;
  readonly requestId: string | undefined;
  /** When it was due, in milliseconds since the epoch. */
  readonly since: number;
}

/** Lambda, and the services that invoke it: S3 notifications, EventBridge rules and the schedule. */
export class Functions {
  readonly executions = { trigger: 0, worker: 0, stop: 0 };
  /** The number of executions under way and of planned invocations. */
  pending = 0;
  private running = 0;
  /** Maximum number of functions that run at once, while faults strike. */
  private readonly concurrencyLimit: number;
  /** Ticks of the schedule, with the missed ones. */
  sweeps = 0;
  private sweepsAtRest = 0;
  private stateAtRest = '';
  /** Late events. They arrive when the next drain begins, or after LATEST_EVENT_MS. */
  private readonly heldEvents = new Set<{ name: FunctionName; event: object }>();

  /** The models with the bounds of their cards, which `admit` pins. */
  private readonly models: readonly DeployedModel[];

  constructor(private readonly world: FunctionsWorld) {
    this.models = MODELS.map((model, index) => {
      const { maxAttempts = 2, maxInterruptions = 20 } = world.settings.models[index] ?? {};
      return { ...model, maxAttempts, maxInterruptions };
    });
    const isLimited = world.faults.isDrawn('invocation throttled');
    this.concurrencyLimit = isLimited ? world.luck.pick(CONCURRENCY_LIMITS) : Infinity;
  }

  deliverHeldEvents(): void {
    for (const { name, event } of this.heldEvents) this.plan(name, event, this.world.luck.spread(5, 800), 0);
    this.heldEvents.clear();
  }

  /** `soon`: the event of an aimed upload. It arrives within a second. */
  uploaded(key: string, versionId: string, soon: boolean): void {
    const { timeline, luck } = this.world;
    const event = s3Event('data', key, versionId, timeline.now);
    if (soon) this.plan('trigger', event, luck.spread(2, 1_000), 0);
    else this.notify('trigger', event, luck.spread(200, 4_000), 'upload event');
  }

  receiptWritten(key: string): void {
    const { timeline, luck } = this.world;
    const event = s3Event('output', key, 'v', timeline.now);
    this.notify('stop', event, luck.spread(50, 4_000), 'receipt event');
  }

  instanceChanged(state: 'running' | 'stopped'): void {
    if (this.world.plainChain) return;
    const { timeline, luck } = this.world;
    const event = {
      source: 'aws.ec2',
      'detail-type': 'EC2 Instance State-change Notification',
      time: new Date(timeline.now).toISOString(),
      detail: { 'instance-id': 'i-1', state },
    };
    this.notify('stop', event, luck.spread(200, 4_000), 'state event');
  }

  commandEnded(id: string, status: string): void {
    if (this.world.plainChain) return;
    const event = {
      source: 'aws.ssm',
      'detail-type': 'EC2 Command Status-change Notification',
      detail: { 'command-id': id, status },
    };
    this.notify('stop', event, this.world.luck.spread(200, 5_000), 'command event');
  }

  /** Plans the next tick of the schedule. Each tick plans the tick after it. */
  planSweep(delay: number): void {
    this.world.timeline.after(delay, () => {
      this.planSweep(SWEEP_MS);
      this.sweeps += 1;
      if (this.world.plainChain) return;
      const { workload, faults } = this.world;
      // Each net is enough alone: without faults the event chain needs no sweep.
      if (faults.none) return;
      if (workload && this.hasNothingToRepair()) return;
      if (faults.strikes('sweep missed')) return;
      this.invoke('stop', { source: 'aws.events', 'detail-type': 'Scheduled Event' }, 0);
    });
  }

  /**
   * Whether a sweep can have nothing to repair. A month has thousands of sweeps while the instance is stopped. None of
   * them finds work after some sweeps in a row that found nothing open.
   */
  private hasNothingToRepair(): boolean {
    const { instance, people, s3 } = this.world;
    if (instance.state !== 'stopped') return false;
    const state = `${instance.starts} ${people.uploads.length} ${s3.keys('control', OPEN_PREFIX).length === 0}`;
    this.sweepsAtRest = state === this.stateAtRest && state.endsWith('true') ? this.sweepsAtRest + 1 : 0;
    this.stateAtRest = state;
    return this.sweepsAtRest > SWEEPS_AT_REST;
  }

  /** The asynchronous Invoke of the worker. */
  invokeWorker(by: SimProcess, input: object): object {
    this.world.checks.checkInvoke(by);
    this.invoke('worker', JSON.parse(String((input as { Payload?: unknown }).Payload)) as object, 0);
    return { StatusCode: 202 };
  }

  private notify(
    name: FunctionName,
    event: object,
    delay: number,
    kind: 'upload event' | 'receipt event' | 'state event' | 'command event',
  ): void {
    const { faults, luck, timeline } = this.world;
    if (faults.strikes(`${kind} lost`)) {
      this.world.narrate?.(name, `does not receive the event: ${kind} lost`);
      return;
    }
    if (faults.isDrawn(`${kind} late`) && luck.chance(0.4)) {
      // A late event is most dangerous when a drain begins.
      faults.count(`${kind} late`);
      const held = { name, event };
      this.heldEvents.add(held);
      timeline.after(LATEST_EVENT_MS, () => {
        if (this.heldEvents.delete(held)) this.plan(name, event, 0, 0);
      });
      return;
    }
    const isLate = faults.strikes(`${kind} late`);
    this.invoke(name, event, isLate ? luck.between(5_000, luck.pick([60_000, LATEST_EVENT_MS])) : delay);
    if (faults.strikes(`${kind} twice`)) this.invoke(name, event, luck.between(delay, delay + 60_000));
  }

  /** Puts an event into the function's queue. */
  private invoke(name: FunctionName, event: object, delay: number): void {
    const { faults, luck } = this.world;
    if (faults.strikes('invocation lost')) {
      this.world.narrate?.(name, 'does not run: invocation lost');
      return;
    }
    const queued = faults.strikes('invocation late') ? luck.between(2_000, 180_000) : luck.spread(30, 1_200);
    this.plan(name, event, delay + queued, 0);
    if (faults.strikes('invocation twice')) this.plan(name, event, delay + luck.between(30, 20_000), 0);
  }

  /** `requestId`: the id of the invocation, which its retries keep. @default the id of its first execution */
  private plan(name: FunctionName, event: object, delay: number, failures: number, requestId?: string): void {
    this.pending += 1;
    const since = this.world.timeline.now + delay;
    this.planTry({ name, event, failures, requestId, since }, delay, THROTTLED.firstMs);
  }

  /** Lambda runs the function, or tries again after `waitMs` if too many functions run. */
  private planTry(invocation: Invocation, delay: number, waitMs: number): void {
    const { timeline, faults, narrate } = this.world;
    timeline.after(delay, () => {
      if (this.running < this.concurrencyLimit || faults.over) {
        this.execute(invocation);
        return;
      }
      faults.count('invocation throttled');
      narrate?.(invocation.name, 'is throttled');
      if (timeline.now - invocation.since > THROTTLED.givesUpMs) {
        this.pending -= 1;
        return;
      }
      const next = Math.min(waitMs * 2, THROTTLED.longestMs);
      this.planTry(invocation, waitMs, next);
    });
  }

  private execute({ name, event, failures, requestId }: Invocation): void {
    const { world } = this;
    const { timeline } = world;
    this.executions[name] += 1;
    this.running += 1;
    const id = `${name} #${this.executions[name]}`;
    const process = new SimProcess(timeline, name, id, world.faults.clockErrorMs());
    process.settlesAllJobs = name === 'stop' && 'source' in event;
    process.isSweep = 'source' in event && event.source === 'aws.events';
    process.stoppedAt = stopIn(event);
    const again = failures > 0 ? `, again after ${failures} failures` : '';
    world.narrate?.(id, `runs${again}${describeEvent(event)}`);
    const limit = timeline.after(timeLimitSeconds(name) * 1000, () => {
      world.narrate?.(id, 'time limit');
      process.kill();
    });
    const onFailure = () => {
      limit.cancelled = true;
      this.pending -= 1;
      this.running -= 1;
      const wait = RETRY_MS[failures];
      if (wait !== undefined) this.plan(name, event, wait, failures + 1, requestId ?? id);
    };
    process.whenKilled(onFailure);
    timeline.markCodeResumed();
    this.run(name, event, process, requestId ?? id).then(
      () => {
        if (!process.alive) return;
        process.alive = false;
        limit.cancelled = true;
        this.pending -= 1;
        this.running -= 1;
        world.checks.checkFunctionEnd(process);
      },
      (error: unknown) => {
        if (!process.alive) return;
        process.alive = false;
        world.narrate?.(id, `fails: ${String(error)}`);
        world.checks.checkError(process, error);
        onFailure();
      },
    );
  }

  /** Does what the function's entry in handlers/ does, with simulated clients. */
  private async run(name: FunctionName, event: object, process: SimProcess, by: string): Promise<void> {
    const { world } = this;
    if (world.plainChain) return plainFunctions[name](world.wire.client(process), event, process.clock);
    const client = world.wire.client(process) as never;
    const { clock } = process;
    const log = logOf(world, process.id);
    if (name === 'worker') {
      await dispatch({
        ssm: client,
        instance: new Instance(client, environment.LAMPLIGHTER_INSTANCE_ID),
        document: 'p-drain',
        drainLogGroup: '/lamplighter/p/drain',
        clock,
        log,
        agentTimeoutMs: (timeLimitSeconds('worker') - WORKER_RESERVE_SECONDS) * 1000,
      });
      return;
    }
    const clients = { s3: client, ec2: client, lambda: client, clock };
    const context = { ...ledgerContext(environment, clients, log, by), models: this.models };
    if (name === 'trigger') {
      await trigger(event, context);
      return;
    }
    await stop(event, {
      ...context,
      timeLimitSeconds: timeLimitSeconds('stop'),
      breakerWakeUps: environment.LAMPLIGHTER_BREAKER_WAKE_UPS,
      lingerSeconds: world.settings.lingerSeconds,
      isSpot: world.settings.isSpot,
    });
  }
}

function s3Event(bucket: string, key: string, versionId: string, at: number): object {
  const object = { key: formEncoded(key), size: 1, versionId };
  return { Records: [{ eventTime: new Date(at).toISOString(), s3: { bucket: { name: bucket }, object } }] };
}

/** The time in an event that the instance has stopped, in milliseconds since the epoch. */
function stopIn(event: { readonly time?: string; readonly detail?: { readonly state?: string } }) {
  return event.detail?.state === 'stopped' ? Date.parse(event.time ?? '') : undefined;
}

function describeEvent(event: object): string {
  if ('Records' in event) {
    const [record] = event.Records as { s3: { object: { key: string } } }[];
    return ` on ${shorten(record?.s3.object.key ?? '?')}`;
  }
  if (!('source' in event)) return '';
  if (event.source === 'aws.events') return ': sweep';
  return ` on ${JSON.stringify((event as { detail?: unknown }).detail)}`;
}
