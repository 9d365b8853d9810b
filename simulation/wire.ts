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
import { awsError } from './aws-error';
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
interface WiredWorld extends World {
  readonly s3: SimS3;
  readonly instance: SimInstance;
  readonly ssm: SimSsm;
  readonly functions: Functions;
  readonly machine: Pick<Machine, 'crash'>;
}

interface Operation {
  readonly name: string;
  readonly service: 's3' | 'ec2' | 'ssm' | 'lambda';
  /** Changes the cloud at once and returns the answer. Throws the errors of the SDK. */
  readonly effect: (world: WiredWorld, process: SimProcess, input: Input) => object;
}

const OPERATIONS = new Map<unknown, Operation>([
  [PutObjectCommand, { name: 'PUT', service: 's3', effect: ({ s3 }, p, input) => s3.put(p, input) }],
  [GetObjectCommand, { name: 'GET', service: 's3', effect: ({ s3 }, _p, input) => s3.get(input) }],
  [HeadObjectCommand, { name: 'HEAD', service: 's3', effect: ({ s3 }, _p, input) => s3.head(input) }],
  [DeleteObjectCommand, { name: 'DELETE', service: 's3', effect: ({ s3 }, p, input) => s3.delete(p, input) }],
  [ListObjectsV2Command, { name: 'LIST', service: 's3', effect: ({ s3 }, p, input) => s3.list(p, input) }],
  [
    ListObjectVersionsCommand,
    { name: 'LIST versions', service: 's3', effect: ({ s3 }, _p, input) => s3.listVersions(input) },
  ],
  [
    DescribeInstancesCommand,
    { name: 'DescribeInstances', service: 'ec2', effect: ({ instance }, p) => instance.describe(p) },
  ],
  [
    StartInstancesCommand,
    { name: 'StartInstances', service: 'ec2', effect: ({ instance }, p) => instance.start(p) },
  ],
  [
    StopInstancesCommand,
    { name: 'StopInstances', service: 'ec2', effect: ({ instance }, p) => instance.stop(p) },
  ],
  [
    CreateTagsCommand,
    { name: 'CreateTags', service: 'ec2', effect: ({ instance }, p, input) => instance.createTags(p, input) },
  ],
  [
    DescribeInstanceInformationCommand,
    { name: 'DescribeInstanceInformation', service: 'ssm', effect: ({ ssm }) => ssm.describe() },
  ],
  [
    ListCommandsCommand,
    { name: 'ListCommands', service: 'ssm', effect: ({ ssm }, _p, input) => ssm.list(input) },
  ],
  [
    SendCommandCommand,
    { name: 'SendCommand', service: 'ssm', effect: ({ ssm }, p, input) => ssm.sendCommand(p, input) },
  ],
  [
    InvokeCommand,
    {
      name: 'Invoke',
      service: 'lambda',
      effect: ({ functions }, p, input) => functions.invokeWorker(p, input),
    },
  ],
]);

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

/**
 * Timeout of one try, in milliseconds. It is that of the functions' clients (lifecycle/clients.ts) and about the
 * runner's.
 */
const TIMEOUT_MS = 5_000;

/** Maximum time from the sending of a request to its effect, in milliseconds. */
const LATEST_EFFECT_MS = 10_000;

const TRIES = { trigger: 4, worker: 4, stop: 4, drain: 5 } as const;

/**
 * What is between production code and the cloud: delays, retries of the SDK, lost answers, and deaths of the caller.
 */
export class Wire {
  /** `kind|operation place` of every call in order, with `listCalls`. */
  readonly calls: string[] | undefined;
  readonly counts = { s3: 0, ec2: 0, ssm: 0, lambda: 0 };
  callsMade = 0;

  constructor(
    private readonly world: WiredWorld,
    private readonly crashPoint: CrashPoint | undefined,
    listCalls: boolean,
  ) {
    this.calls = listCalls ? [] : undefined;
  }

  /** An SDK client of any service. */
  client(process: SimProcess): {
    send: (command: object, options?: { abortSignal?: AbortSignal }) => Promise<object>;
  } {
    return {
      send: (command, options) =>
        new Promise((resolve, reject) => {
          this.send(process, command, options?.abortSignal, resolve, reject);
        }),
    };
  }

  private send(
    process: SimProcess,
    command: object,
    abortSignal: AbortSignal | undefined,
    resolve: Call['resolve'],
    reject: Call['reject'],
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
    const call = {
      process,
      operation,
      input,
      abortSignal,
      resolve,
      reject,
      failure,
      triesLeft: TRIES[process.kind],
    };
    if (failure === 'crash before' || this.diesBefore(process)) {
      this.narrate(call, 'dies before');
      process.kill();
      return;
    }
    this.attempt(call);
  }

  private attempt(call: Call): void {
    const { timeline, faults, luck, settings } = this.world;
    call.triesLeft -= 1;
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

  private arrive(call: Call): void {
    const { process, abortSignal } = call;
    const { timeline, faults, machine } = this.world;
    if (abortSignal?.aborted === true) {
      this.answer(call, awsError('AbortError', 0));
      return;
    }
    const outcome = this.takeEffect(call);
    if (!process.alive) return;
    if (call.failure === 'machine crash') {
      machine.crash('crash point');
      return;
    }
    if (call.failure === 'crash after' || this.diesAfter(process)) {
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
    this.world.narrate?.(
      process.id,
      `${operation.name} ${placeOf(input)}${contentOf(input)}${outcome instanceof Error ? `  → ${outcome.name}` : ''}`,
    );
    return outcome;
  }

  private retryOrFail(call: Call, error: Error): void {
    const { timeline, luck } = this.world;
    if (!call.process.alive) return;
    if (call.triesLeft === 0) {
      this.narrate(call, `gives up (${error.name})`);
      call.process.callsFailed += 1;
      this.answer(call, error);
      return;
    }
    this.narrate(call, `retries (${error.name})`);
    timeline.after(luck.between(20, 800), () => {
      if (call.process.alive) this.attempt(call);
    });
  }

  private answer(call: Call, outcome: object): void {
    if (!call.process.alive) return;
    if (outcome instanceof Error && isRetryable(outcome) && call.triesLeft > 0) {
      this.retryOrFail(call, outcome);
      return;
    }
    this.world.timeline.markCodeResumed();
    if (outcome instanceof Error) call.reject(outcome);
    else
      call.resolve(
        Object.assign(outcome, { $metadata: { attempts: TRIES[call.process.kind] - call.triesLeft } }),
      );
  }

  private diesBefore({ kind }: SimProcess): boolean {
    const { faults, luck } = this.world;
    if (kind !== 'drain') return faults.strikes('function crashes before a call');
    return luck.chance(0.5) && faults.strikes('drain dies at a call');
  }

  private diesAfter({ kind }: SimProcess): boolean {
    const { faults, luck } = this.world;
    if (kind !== 'drain') return faults.strikes('function crashes after a call');
    return luck.chance(0.5) && faults.strikes('drain dies at a call');
  }

  private narrate({ process, operation, input }: Call, what: string): void {
    this.world.narrate?.(process.id, `${what} ${operation.name} ${placeOf(input)}`);
  }
}

/** Whether the SDK's standard mode retries this answer of the simulated cloud. */
function isRetryable(error: Error): boolean {
  return error.name === 'InsufficientInstanceCapacity';
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
  const shown = ['phase', 'attempt', 'released', 'outcome', 'error'].filter(
    (name) => record[name] !== undefined,
  );
  return ` ${shown.map((name) => `${name} ${JSON.stringify(record[name])}`).join(', ')}`;
}
