import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../../scripts/tools/bundle-program';
import type { FunctionConfiguration } from './function-configuration';
import { type Processes, killGroup } from '../../scripts/tools/process-groups';

/** Bundles the program that runs a function's code (function-bootstrap.ts) into a folder. Returns its path. */
export function bundleBootstrap(folder: string): Promise<string> {
  return bundleProgram(join(__dirname, 'function-bootstrap.ts'), folder);
}

/** The result of one invocation. */
export interface Outcome {
  readonly requestId: string;
  /** The handler's answer, or the description of its error. */
  readonly payload: Buffer;
  /** Set for every kind of failure. */
  readonly functionError?: 'Unhandled';
}

interface Invocation {
  readonly requestId: string;
  readonly payload: Buffer;
  readonly resolve: (outcome: Outcome) => void;
  timer?: NodeJS.Timeout;
}

/** Maximum milliseconds for loading the code. Lambda's limit is 10 s, but a test machine may be busy. */
const INIT_LIMIT_MS = 60_000;

/**
 * One execution environment of a function: a child process in a loop. It requests the next invocation, runs it, and sends the
 * result. It has at most one invocation at a time.
 */
export class FunctionInstance {
  readonly id = randomUUID();
  private readonly child: ChildProcess;
  private current: Invocation | undefined;
  private poll: ServerResponse | undefined;
  private initTimer: NodeJS.Timeout | undefined;
  private initError: Buffer | undefined;
  private lastRequestId = '';
  private reserved = false;
  idleSince = Date.now();
  ended = false;

  constructor(
    private readonly options: {
      readonly configuration: FunctionConfiguration;
      readonly bootstrap: string;
      readonly taskRoot: string;
      readonly environment: NodeJS.ProcessEnv;
      readonly processes: Processes;
      readonly onLine: (line: string, requestId: string) => void;
      readonly onIdle: () => void;
      readonly onEnd: () => void;
    },
    runtimeApi: string,
  ) {
    this.child = spawn(process.execPath, [options.bootstrap], {
      cwd: options.taskRoot,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...options.environment, AWS_LAMBDA_RUNTIME_API: `${runtimeApi}${this.id}` },
    });
    options.processes.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface(stream).on('line', (line) => options.onLine(line, this.lastRequestId));
    }
    this.child.once('error', (error) => this.end(describe('Runtime.ExitError', error.message)));
    this.child.once('exit', (code, signal) => {
      const status = signal === null ? `exit status ${code}` : `signal: ${signal}`;
      this.end(this.initError ?? describe('Runtime.ExitError', `Runtime exited with error: ${status}`));
    });
    const tooLate = describe('Runtime.InitError', 'The function did not load in time');
    this.initTimer = setTimeout(() => this.kill(tooLate), INIT_LIMIT_MS);
  }

  get isIdle(): boolean {
    return !this.ended && !this.reserved && this.current === undefined;
  }

  /** Keeps this instance for the caller until its next invocation has ended. */
  reserve(): this {
    this.reserved = true;
    return this;
  }

  /** Runs one invocation. Never rejects. */
  invoke(requestId: string, payload: Buffer): Promise<Outcome> {
    return new Promise((resolve) => {
      this.current = { requestId, payload, resolve };
      this.reserved = false;
      if (this.ended) this.settle(describe('Runtime.ExitError', 'The function was ended'), true);
      else this.handOver();
    });
  }

  /** GET …/invocation/next: the answer waits for the next invocation. */
  next(response: ServerResponse): void {
    clearTimeout(this.initTimer);
    this.poll = response;
    this.handOver();
  }

  /** POST …/invocation/<id>/response or …/error. Returns false if that invocation is not running. */
  finish(requestId: string, payload: Buffer, failed: boolean): boolean {
    if (this.current?.requestId !== requestId) return false;
    this.settle(payload, failed);
    return true;
  }

  /** POST …/init/error: the process ends itself afterwards. */
  failInit(payload: Buffer): void {
    this.initError = payload;
  }

  kill(error = describe('Runtime.ExitError', 'The function was ended')): void {
    if (this.child.pid !== undefined && this.child.exitCode === null) killGroup(this.child.pid);
    this.end(error);
  }

  private handOver(): void {
    const { poll, current } = this;
    if (!poll || !current) return;
    this.poll = undefined;
    this.lastRequestId = current.requestId;
    const { Timeout, FunctionArn } = this.options.configuration;
    current.timer = setTimeout(() => {
      const text = `RequestId: ${current.requestId} Error: Task timed out after ${Timeout.toFixed(2)} seconds`;
      this.kill(describe('Sandbox.Timedout', text));
    }, Timeout * 1000);
    poll.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': current.requestId,
      'lambda-runtime-deadline-ms': String(Date.now() + Timeout * 1000),
      'lambda-runtime-invoked-function-arn': FunctionArn,
    });
    poll.end(current.payload);
  }

  private settle(payload: Buffer, failed: boolean): void {
    const { current } = this;
    if (!current) return;
    clearTimeout(current.timer);
    this.current = undefined;
    this.idleSince = Date.now();
    current.resolve({ requestId: current.requestId, payload, ...(failed && { functionError: 'Unhandled' }) });
    this.options.onIdle();
  }

  private end(error: Buffer): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.initTimer);
    this.poll?.destroy();
    this.options.onEnd();
    this.settle(error, true);
  }
}

/** The description of an error, as Lambda's runtime gives it. */
export function describe(errorType: string, errorMessage: string): Buffer {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}
