import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  DescribeInstanceInformationCommand,
  ListCommandsCommand,
  SendCommandCommand,
} from '@aws-sdk/client-ssm';
import { THROTTLED, TokenBuckets, isThrottledService } from '../local-cloud/wire/token-buckets';
import { awsError } from './aws-error';
import type { Service } from './call-bounds';
import type { CallFailure, CrashPoint } from './crash-point';
import type { Functions } from './functions';
import type { SimInstance } from './instance';
import type { Machine } from './machine';
import type { SimProcess } from './process';
import type { SimS3 } from './s3';
import type { SimSsm } from './ssm';
import { shorten } from './story';
import type { World } from './world';

type Input = Readonly<Record<string, unknown>>;

/** What the wire needs of the other parts. */
export interface WiredWorld extends World {
  readonly s3: SimS3;
  readonly instance: SimInstance;
  readonly ssm: SimSsm;
  readonly functions: Functions;
  readonly machine: Pick<Machine, 'crash'>;
}

interface Operation {
  readonly name: string;
  readonly service: Service;
  /** Changes the cloud at once and returns the answer. Throws the errors of the SDK. */
  readonly effect: (world: WiredWorld, process: SimProcess, input: Input) => object;
}

const OPERATIONS = new Map<unknown, Operation>([
  [PutObjectCommand, operation('s3', 'PUT', ({ s3 }, p, input) => s3.put(p, input))],
  [GetObjectCommand, operation('s3', 'GET', ({ s3 }, p, input) => s3.get(p, input))],
  [HeadObjectCommand, operation('s3', 'HEAD', ({ s3 }, _p, input) => s3.head(input))],
  [DeleteObjectCommand, operation('s3', 'DELETE', ({ s3 }, p, input) => s3.delete(p, input))],
  [ListObjectsV2Command, operation('s3', 'LIST', ({ s3 }, p, input) => s3.list(p, input))],
  [
    ListObjectVersionsCommand,
    operation('s3', 'LIST versions', ({ s3 }, _p, input) => s3.listVersions(input)),
  ],
  [
    DescribeInstancesCommand,
    operation('ec2', 'DescribeInstances', ({ instance }, p) => instance.describe(p)),
  ],
  [StartInstancesCommand, operation('ec2', 'StartInstances', ({ instance }, p) => instance.start(p))],
  [StopInstancesCommand, operation('ec2', 'StopInstances', ({ instance }, p) => instance.stop(p))],
  [
    CreateTagsCommand,
    operation('ec2', 'CreateTags', ({ instance }, p, input) => instance.createTags(p, input)),
  ],
  [
    DescribeInstanceInformationCommand,
    operation('ssm', 'DescribeInstanceInformation', ({ ssm }) => ssm.describe()),
  ],
  [ListCommandsCommand, operation('ssm', 'ListCommands', ({ ssm }, _p, input) => ssm.list(input))],
  [SendCommandCommand, operation('ssm', 'SendCommand', ({ ssm }, p, input) => ssm.sendCommand(p, input))],
  [
    InvokeCommand,
    operation('lambda', 'Invoke', ({ functions }, p, input) => functions.invokeWorker(p, input)),
  ],
]);

function operation(service: Service, name: string, effect: Operation['effect']): Operation {
  return { service, name, effect };
}

/** One call of production code: one promise, several tries inside the SDK. */
interface Call {
  readonly process: SimProcess;
  readonly operation: Operation;
  readonly input: Input;
  readonly abortSignal: AbortSignal | undefined;
  readonly resolve: (answer: object) => void;
  readonly reject: (error: Error) => void;
  readonly failure: CallFailure | undefined;
  triesLeft: number;
}

/** Timeout of one try in milliseconds, as in lifecycle/clients.ts. The runner's is about the same. */
const TIMEOUT_MS = 5_000;

/** Maximum time from the sending of a request to its effect, in milliseconds. */
const LATEST_EFFECT_MS = 10_000;

/** Silence after which a drain ends one try, in milliseconds, as in runner/s3-client.ts. */
const DRAIN_SILENCE_MS = 20_000;

/** The SDK's longest wait after the first throttled try, in milliseconds. Each later one may be twice as long. */
const THROTTLED_WAIT_MS = 500;

const TRIES = { trigger: 4, worker: 4, stop: 4, drain: 5 } as const;

/** What is between production code and the cloud: delays, the SDK's retries, lost answers, deaths of the caller. */
export class Wire {
  /** `kind|operation place` of every call in order, with `listCalls`. */
  readonly calls: string[] | undefined;
  readonly counts = { s3: 0, ec2: 0, ssm: 0, lambda: 0 };
  callsMade = 0;
  private readonly buckets = new TokenBuckets();

  constructor(
    private readonly world: WiredWorld,
    private readonly crashPoint: CrashPoint | undefined,
    listCalls: boolean,
  ) {
    this.calls = listCalls ? [] : undefined;
  }

  /** An SDK client of any service. */
  client(process: SimProcess) {
    return {
      send: (command: object, options?: { abortSignal?: AbortSignal }) =>
        new Promise<object>((resolve, reject) => {
          this.send(process, command, { abortSignal: options?.abortSignal, resolve, reject });
        }),
    };
  }

  private send(
    process: SimProcess,
    command: object,
    caller: Pick<Call, 'abortSignal' | 'resolve' | 'reject'>,
  ): void {
    if (!process.alive) return;
    const operation = OPERATIONS.get(command.constructor);
    if (!operation) throw new Error(`the simulated cloud does not support ${command.constructor.name}`);
    const { input } = command as { input: Input };
    const failure = this.callsMade === this.crashPoint?.call ? this.crashPoint.failure : undefined;
    this.callsMade += 1;
    this.counts[operation.service] += 1;
    process.calls += 1;
    this.calls?.push(`${process.kind}|${operation.name} ${placeOf(input)}`);
    // V8 reads a spread copy more slowly: histories would take a third longer.
    const { abortSignal, resolve, reject } = caller;
    const triesLeft = TRIES[process.kind];
    const call = { process, operation, input, abortSignal, resolve, reject, failure, triesLeft };
    if (failure === 'crash before' || this.dies(process, 'before')) {
      this.narrate(call, 'dies before');
      process.kill();
      return;
    }
    this.attempt(call);
  }

  private attempt(call: Call): void {
    const { timeline, faults, luck, settings } = this.world;
    call.triesLeft -= 1;
    if (this.failsInOutage(call)) return;
    let delay = luck.spread(2, settings.slowestCallMs);
    if (faults.strikes('call slow')) delay = luck.between(500, TIMEOUT_MS - 500);
    const isGivenUp = call.failure === 'call given up' || faults.strikes('call given up');
    if (isGivenUp) call.triesLeft = 0;
    if (isGivenUp || faults.strikes('call refused')) {
      timeline.after(delay, () => this.retryOrFail(call, awsError('ThrottlingException', 429)));
      return;
    }
    if (faults.strikes('call late')) {
      // The client gives up this try at its timeout. The request may still take effect.
      timeline.after(TIMEOUT_MS, () => this.retryOrFail(call, awsError('TimeoutError', 0)));
      timeline.after(luck.between(TIMEOUT_MS, LATEST_EFFECT_MS), () => this.takeEffect(call));
      return;
    }
    timeline.after(delay, () => this.arrive(call));
  }

  private failsInOutage(call: Call): boolean {
    const { timeline, faults, luck, settings } = this.world;
    const { process, operation, input } = call;
    const failure = faults.outages.failureOf(process.kind, operation, input.Bucket, timeline.now);
    if (!failure) return false;
    if (!failure.isRetried) call.triesLeft = 0;
    const silenceMs = process.kind === 'drain' ? DRAIN_SILENCE_MS : TIMEOUT_MS;
    const delay = failure.isSilent ? silenceMs : luck.spread(2, settings.slowestCallMs);
    timeline.after(delay, () => this.retryOrFail(call, failure.error));
    return true;
  }

  private arrive(call: Call): void {
    const { process, abortSignal } = call;
    const { timeline, faults, machine } = this.world;
    if (abortSignal?.aborted === true) {
      this.answer(call, awsError('AbortError', 0));
      return;
    }
    if (this.isThrottled(call)) return;
    const outcome = this.takeEffect(call);
    if (!process.alive) return;
    if (call.failure === 'machine crash') {
      machine.crash('crash point');
      return;
    }
    if (call.failure === 'crash after' || this.dies(process, 'after')) {
      this.narrate(call, 'dies after');
      process.kill();
      return;
    }
    if (process.kind !== 'drain' && faults.strikes('function hangs')) {
      this.narrate(call, 'hangs after');
      return;
    }
    const first = call.triesLeft === TRIES[process.kind] - 1;
    if (call.failure === 'call failed' || faults.strikes('call failed')) {
      call.triesLeft = 0;
      timeline.after(TIMEOUT_MS * 2, () => this.retryOrFail(call, awsError('TimeoutError', 0)));
    } else if ((call.failure === 'answer lost' && first) || faults.strikes('answer lost')) {
      timeline.after(TIMEOUT_MS, () => this.retryOrFail(call, awsError('TimeoutError', 0)));
    } else {
      this.answer(call, outcome);
    }
  }

  /** Refuses a call above AWS's limit of its API. The SDK waits longer after such a refusal, and longer each time. */
  private isThrottled(call: Call): boolean {
    const { timeline, luck } = this.world;
    const { process, operation } = call;
    const { service, name } = operation;
    if (!isThrottledService(service) || this.buckets.take(service, name, timeline.now)) return false;
    const { code, status } = THROTTLED[service];
    const tries = TRIES[process.kind] - call.triesLeft;
    this.retryOrFail(call, awsError(code, status), luck.between(0, THROTTLED_WAIT_MS * 2 ** (tries - 1)));
    return true;
  }

  private takeEffect({ process, operation, input }: Call): object {
    const { faults } = this.world;
    const isConditional = input.IfMatch !== undefined || input.IfNoneMatch !== undefined;
    let outcome: object;
    if (isConditional && faults.strikes('write conflict')) {
      outcome = awsError('ConditionalRequestConflict', 409);
    } else {
      try {
        outcome = operation.effect(this.world, process, input);
      } catch (error) {
        if (!(error instanceof Error) || !('$metadata' in error)) throw error;
        outcome = error;
      }
    }
    const error = outcome instanceof Error ? `  → ${outcome.name}` : '';
    this.world.narrate?.(process.id, `${operation.name} ${placeOf(input)}${contentOf(input)}${error}`);
    return outcome;
  }

  private retryOrFail(call: Call, error: Error, waitMs?: number): void {
    const { timeline, luck } = this.world;
    if (!call.process.alive) return;
    if (call.abortSignal?.aborted === true) {
      this.answer(call, awsError('AbortError', 0));
      return;
    }
    if (call.triesLeft === 0) {
      this.narrate(call, `gives up (${error.name})`);
      call.process.callsFailed += 1;
      this.answer(call, error);
      return;
    }
    this.narrate(call, `retries (${error.name})`);
    timeline.after(waitMs ?? luck.between(20, 800), () => {
      if (call.process.alive) this.attempt(call);
    });
  }

  private answer(call: Call, outcome: object): void {
    if (!call.process.alive) return;
    // The SDK's standard mode retries this one answer of the simulated cloud.
    if (outcome instanceof Error && outcome.name === 'InsufficientInstanceCapacity' && call.triesLeft > 0) {
      this.retryOrFail(call, outcome);
      return;
    }
    this.world.timeline.markCodeResumed();
    const attempts = TRIES[call.process.kind] - call.triesLeft;
    if (outcome instanceof Error) call.reject(outcome);
    else call.resolve(Object.assign(outcome, { $metadata: { attempts } }));
  }

  private dies({ kind }: SimProcess, when: 'before' | 'after'): boolean {
    const { faults, luck } = this.world;
    if (kind !== 'drain') return faults.strikes(`function crashes ${when} a call`);
    return luck.chance(0.5) && faults.strikes('drain dies at a call');
  }

  private narrate({ process, operation, input }: Call, what: string): void {
    this.world.narrate?.(process.id, `${what} ${operation.name} ${placeOf(input)}`);
  }
}

/** The object or prefix of the call, with short job ids. */
function placeOf(input: Input): string {
  const { Bucket, Key, Prefix } = input as { Bucket?: string; Key?: string; Prefix?: string };
  if (Bucket === undefined) return '';
  return shorten(`${Bucket}/${Key ?? Prefix ?? ''}`);
}

function contentOf({ Key, Body, Tags }: Input): string {
  if (Tags !== undefined) return ` ${JSON.stringify(Tags)}`;
  if (typeof Body !== 'string') return '';
  const record = JSON.parse(Body) as Record<string, unknown>;
  if (Key === 'gate.json') return ` ${String(record.state)} (fruitless ${String(record.fruitless)})`;
  const shown = ['phase', 'attempt', 'released', 'outcome', 'error'].filter((name) => name in record);
  return ` ${shown.map((name) => `${name} ${JSON.stringify(record[name])}`).join(', ')}`;
}
