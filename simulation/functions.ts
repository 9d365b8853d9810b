import { stop } from '../handlers/stop';
import { trigger } from '../handlers/trigger';
import { ledgerContext } from '../lifecycle/context';
import { dispatch } from '../lifecycle/dispatch';
import { parseEnvironment, stopEnvironmentSchema } from '../lifecycle/environment';
import { Instance } from '../lifecycle/instance';
import { OPEN_PREFIX } from '../lifecycle/job';
import type { Fault } from './faults';
import type { SimInstance } from './instance';
import type { People } from './people';
import { plainFunctions, type Client } from './plain-chain';
import { SimProcess } from './process';
import { formEncoded, type SimS3 } from './s3';
import { BREAKER_WAKE_UPS, MODEL_NAMES, SWEEP_MS, timeLimitSeconds, type FunctionName } from './settings';
import { logOf, shorten } from './story';
import type { World } from './world';

/** Lambda calls a failed function again after one and after two minutes. */
const RETRY_MS = [60_000, 120_000];

/** handlers/worker.ts keeps so much back of its time limit. */
const WORKER_RESERVE_SECONDS = 30;

const SWEEPS_AT_REST = 6;

/** No event comes later than this. */
const LATEST_EVENT_MS = 600_000;

const environment = parseEnvironment(stopEnvironmentSchema, {
  LAMPLIGHTER_PIPELINE: 'p',
  LAMPLIGHTER_DATA_BUCKET: 'data',
  LAMPLIGHTER_OUTPUT_BUCKET: 'output',
  LAMPLIGHTER_CONTROL_BUCKET: 'control',
  LAMPLIGHTER_INSTANCE_ID: 'i-1',
  LAMPLIGHTER_WORKER_FUNCTION: 'p-worker',
  LAMPLIGHTER_MODELS: JSON.stringify(
    MODEL_NAMES.map(({ name, digest, prefix }) => ({
      name,
      digest,
      zipKey: `models/${name}/model.zip`,
      zipVersionId: 'v1',
      prefix,
      suffixes: ['.csv'],
    })),
  ),
  // These two are settings, and each history has its own.
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

/** Lambda, and whatever calls it: S3's notifications, EventBridge's rules, the schedule. */
export class Functions {
  readonly executions = { trigger: 0, worker: 0, stop: 0 };
  /** Executions under way, and invocations still to come. */
  pending = 0;

  /** Ticks of the schedule, missed ones included. */
  sweeps = 0;

  private sweepsAtRest = 0;
  private stateAtRest = '';

  /** Late events that come when the next drain begins, or at the latest that an event comes. */
  private readonly heldEvents = new Set<{ name: FunctionName; event: object }>();

  constructor(private readonly world: FunctionsWorld) {}

  deliverHeldEvents(): void {
    for (const { name, event } of this.heldEvents) this.plan(name, event, this.world.luck.spread(5, 800), 0);
    this.heldEvents.clear();
  }

  /** `soon`: an arrival that is aimed at a moment. */
  uploaded(key: string, versionId: string, soon: boolean): void {
    const { timeline, luck } = this.world;
    const event = s3Event('data', key, versionId, timeline.now);
    if (soon) {
      this.plan('trigger', event, luck.spread(2, 1_000), 0);
      return;
    }
    const delay = luck.spread(200, 4_000);
    this.notify('trigger', event, delay, 'upload event lost', 'upload event twice', 'upload event late');
  }

  receiptWritten(key: string): void {
    const { timeline, luck } = this.world;
    const event = s3Event('output', key, 'v', timeline.now);
    const delay = luck.spread(50, 4_000);
    this.notify('stop', event, delay, 'receipt event lost', 'receipt event twice', 'receipt event late');
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
    this.notify(
      'stop',
      event,
      luck.spread(200, 4_000),
      'state event lost',
      'state event twice',
      'state event late',
    );
  }

  commandEnded(id: string, status: string): void {
    if (this.world.plainChain) return;
    const event = {
      source: 'aws.ssm',
      'detail-type': 'EC2 Command Status-change Notification',
      detail: { 'command-id': id, status },
    };
    const delay = this.world.luck.spread(200, 5_000);
    this.notify('stop', event, delay, 'command event lost', 'command event twice', 'command event late');
  }

  /** Plans the first tick of the sweep's schedule, and with each the next. */
  planSweep(delay: number): void {
    this.world.timeline.after(delay, () => {
      this.planSweep(SWEEP_MS);
      this.sweeps += 1;
      if (this.world.plainChain) return;
      const { workload, faults } = this.world;
      if (workload && this.hasNothingToRepair()) return;
      if (faults.strikes('sweep missed')) return;
      this.invoke('stop', { source: 'aws.events', 'detail-type': 'Scheduled Event' }, 0);
    });
  }

  /**
   * A month has thousands of sweeps on a pipeline that stands: without faults none of them has anything to repair, and with
   * faults no more once some have found nothing open.
   */
  private hasNothingToRepair(): boolean {
    const { faults, instance, people, s3 } = this.world;
    if (instance.state !== 'stopped') return false;
    if (faults.none) return true;
    const seen = `${instance.starts} ${people.uploads.length} ${s3.keys('control', OPEN_PREFIX).length === 0}`;
    this.sweepsAtRest = seen === this.stateAtRest && seen.endsWith('true') ? this.sweepsAtRest + 1 : 0;
    this.stateAtRest = seen;
    return this.sweepsAtRest > SWEEPS_AT_REST;
  }

  /** Somebody calls the worker, asynchronously. */
  invokeWorker(by: SimProcess, input: object): object {
    this.world.checks.checkInvoke(by);
    this.invoke('worker', JSON.parse(String((input as { Payload?: unknown }).Payload)) as object, 0);
    return { StatusCode: 202 };
  }

  private notify(
    name: FunctionName,
    event: object,
    delay: number,
    lost: Fault,
    twice: Fault,
    late: Fault,
  ): void {
    const { faults, luck, timeline } = this.world;
    if (faults.strikes(lost)) {
      this.world.narrate?.(name, `will not hear: ${lost}`);
      return;
    }
    if (faults.isDrawn(late) && luck.chance(0.4)) {
      // The worst moment for a late event is when a drain begins.
      faults.count(late);
      const held = { name, event };
      this.heldEvents.add(held);
      timeline.after(LATEST_EVENT_MS, () => {
        if (this.heldEvents.delete(held)) this.plan(name, event, 0, 0);
      });
      return;
    }
    this.invoke(
      name,
      event,
      faults.strikes(late) ? luck.between(5_000, luck.pick([60_000, LATEST_EVENT_MS])) : delay,
    );
    if (faults.strikes(twice)) this.invoke(name, event, luck.between(delay, delay + 60_000));
  }

  /** Puts an event into the function's queue. */
  private invoke(name: FunctionName, event: object, delay: number): void {
    const { faults, luck } = this.world;
    if (faults.strikes('invocation lost')) {
      this.world.narrate?.(name, 'will not run: invocation lost');
      return;
    }
    const queued = faults.strikes('invocation late') ? luck.between(2_000, 180_000) : luck.spread(30, 1_200);
    this.plan(name, event, delay + queued, 0);
    if (faults.strikes('invocation twice')) this.plan(name, event, delay + luck.between(30, 20_000), 0);
  }

  private plan(name: FunctionName, event: object, delay: number, failures: number): void {
    this.pending += 1;
    this.world.timeline.after(delay, () => this.execute(name, event, failures));
  }

  private execute(name: FunctionName, event: object, failures: number): void {
    const { world } = this;
    const { timeline } = world;
    this.executions[name] += 1;
    const id = `${name} #${this.executions[name]}`;
    const process = new SimProcess(timeline, name, id, world.faults.clockErrorMs());
    process.settlesAllJobs = name === 'stop' && 'source' in event;
    world.narrate?.(
      id,
      `runs${failures > 0 ? `, again after ${failures} failures` : ''}${describeEvent(event)}`,
    );
    const limit = timeline.after(timeLimitSeconds(world.settings, name) * 1000, () => {
      world.narrate?.(id, 'time limit');
      process.kill();
    });
    const onFailure = () => {
      limit.cancelled = true;
      this.pending -= 1;
      const wait = RETRY_MS[failures];
      if (wait !== undefined) this.plan(name, event, wait, failures + 1);
    };
    process.whenKilled(onFailure);
    timeline.markCodeResumed();
    this.run(name, event, process).then(
      () => {
        if (!process.alive) return;
        process.alive = false;
        limit.cancelled = true;
        this.pending -= 1;
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

  /** As the function's entry in handlers/ does it, but for the clients. */
  private async run(name: FunctionName, event: object, process: SimProcess): Promise<void> {
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
        clock,
        log,
        agentTimeoutMs: (timeLimitSeconds(world.settings, 'worker') - WORKER_RESERVE_SECONDS) * 1000,
      });
      return;
    }
    const context = ledgerContext(
      environment,
      { s3: client, ec2: client, lambda: client, clock },
      log,
      process.id,
    );
    if (name === 'trigger') {
      await trigger(event, context);
      return;
    }
    await stop(event, {
      ...context,
      timeLimitSeconds: timeLimitSeconds(world.settings, 'stop'),
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

function describeEvent(event: object): string {
  if ('Records' in event) {
    const [record] = event.Records as { s3: { object: { key: string } } }[];
    return ` on ${shorten(record?.s3.object.key ?? '?')}`;
  }
  if (!('source' in event)) return '';
  return event.source === 'aws.events'
    ? ': sweep'
    : ` on ${JSON.stringify((event as { detail?: unknown }).detail)}`;
}
