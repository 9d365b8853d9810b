import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { LamplighterError, messageOf } from '../../lifecycle/errors';
import type { FunctionCode } from './function-code';
import { type FunctionConfiguration, logGroupOf, readConfiguration } from './function-configuration';
import { FunctionInstance, type Outcome, describe } from './function-instance';
import type { MotoApi } from '../moto/moto-api';
import type { Processes } from '../../scripts/tools/process-groups';
import type { Report } from '../clockwork/events';
import { type AssumeRole, type RoleSession, serviceSession } from '../wire/caller';
import { QUIET_SDK } from '../wire/client-environment';
import type { Timers } from '../clockwork/timers';

/** Milliseconds until an idle child is ended. Lambda keeps them longer, but this host has less memory. */
const IDLE_MS = 120_000;

/** Maximum children of one function. Further invocations wait. */
const MAX_INSTANCES = 8;

interface Pool {
  /** The configuration of the children. A change of it retires them. */
  readonly key: string;
  starting: number;
  readonly instances: Set<FunctionInstance>;
  readonly waiting: (() => void)[];
}

export interface FunctionsOptions {
  readonly moto: MotoApi;
  readonly code: FunctionCode;
  readonly assumeRole: AssumeRole;
  /** Opens a new stream of a log group, which the function's role writes to. */
  readonly openLogStream: (
    logGroup: string,
    session: RoleSession,
  ) => { name: string; write(line: string): void };
  readonly processes: Processes;
  readonly timers: Timers;
  readonly report: Report;
  readonly region: string;
  readonly endpoint: string;
  /** The bundled function-bootstrap.ts. */
  readonly bootstrap: string;
  /** `host:port/path/`, to which a child's id is added. */
  readonly runtimeApi: string;
}

/** Runs functions in child processes, warm ones first. Each child runs one invocation at a time. */
export class Functions {
  private readonly pools = new Map<string, Pool>();
  private readonly instances = new Map<string, FunctionInstance>();
  private readonly counts = new Map<string, number>();
  private stopped = false;

  constructor(private readonly options: FunctionsOptions) {
    options.timers.every(IDLE_MS / 4, 'ending idle functions', () => this.endIdle());
  }

  /** Number of runs of the function, retries included. */
  invocations(functionName: string): number {
    return this.counts.get(functionName) ?? 0;
  }

  /** Runs a function once. The outcome has the function's failure. Throws AwsError if the function does not exist. */
  async invoke(functionName: string, payload: Buffer): Promise<Outcome> {
    const { moto, report } = this.options;
    const configuration = await readConfiguration(moto, functionName);
    const requestId = randomUUID();
    this.counts.set(functionName, this.invocations(functionName) + 1);
    report({ kind: 'function', functionName, requestId, phase: 'invoked', text: `${functionName} begins` });
    const begin = Date.now();
    const outcome = await this.run(configuration, requestId, payload);
    const failed = outcome.functionError !== undefined;
    const end = failed ? `failed: ${summary(outcome.payload)}` : `ended after ${Date.now() - begin} ms`;
    const phase = failed ? 'failed' : 'succeeded';
    report({ kind: 'function', functionName, requestId, phase, text: `${functionName} ${end}` });
    return outcome;
  }

  /** Answers Lambda's runtime interface. `path` is `<child>/2018-06-01/runtime/…`. */
  async runtime(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [id = '', , , area, requestId = '', end] = path.split('/');
    const instance = this.instances.get(id);
    if (!instance) {
      response.writeHead(404).end();
      return;
    }
    if (area === 'invocation' && requestId === 'next') {
      instance.next(response);
      return;
    }
    const body = await buffer(request);
    if (area === 'init') instance.failInit(body);
    const known = area === 'init' || instance.finish(requestId, body, end === 'error');
    response.writeHead(known ? 202 : 400, { 'content-type': 'application/json' }).end('{"status":"OK"}');
  }

  stop(): void {
    this.stopped = true;
    for (const instance of this.instances.values()) instance.kill();
  }

  private async run(config: FunctionConfiguration, requestId: string, payload: Buffer): Promise<Outcome> {
    try {
      return await (await this.freeInstance(config)).invoke(requestId, payload);
    } catch (error) {
      return {
        requestId,
        payload: describe('Runtime.InitError', messageOf(error)),
        functionError: 'Unhandled',
      };
    }
  }

  private async freeInstance(configuration: FunctionConfiguration): Promise<FunctionInstance> {
    const pool = this.poolOf(configuration);
    for (;;) {
      const idle = [...pool.instances].find((instance) => instance.isIdle);
      if (idle) return idle.reserve();
      if (pool.instances.size + pool.starting < MAX_INSTANCES) {
        pool.starting += 1;
        try {
          return await this.newInstance(pool, configuration);
        } finally {
          pool.starting -= 1;
        }
      }
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
  }

  private poolOf(configuration: FunctionConfiguration): Pool {
    const { FunctionName, Role, Handler, Timeout, CodeSha256, Environment } = configuration;
    const key = JSON.stringify([Role, Handler, Timeout, CodeSha256, Environment]);
    const known = this.pools.get(FunctionName);
    if (known?.key === key) return known;
    for (const instance of known?.instances ?? []) if (instance.isIdle) instance.kill();
    const pool: Pool = { key, starting: 0, instances: new Set(), waiting: [] };
    this.pools.set(FunctionName, pool);
    return pool;
  }

  private async newInstance(pool: Pool, configuration: FunctionConfiguration): Promise<FunctionInstance> {
    const { FunctionName, Role } = configuration;
    const taskRoot = await this.options.code.unpacked(FunctionName);
    const credentials = await this.options.assumeRole(Role, FunctionName);
    const session = serviceSession(Role, FunctionName);
    const stream = this.options.openLogStream(logGroupOf(configuration), session);
    if (this.stopped) throw new LamplighterError('The local cloud is stopping.');
    const instance: FunctionInstance = new FunctionInstance(
      {
        configuration,
        bootstrap: this.options.bootstrap,
        taskRoot,
        environment: { ...this.environmentOf(configuration, taskRoot, stream.name), ...credentials },
        processes: this.options.processes,
        onLine: (line, requestId) => {
          stream.write(line);
          this.options.report({ kind: 'log', functionName: FunctionName, requestId, text: line });
        },
        onIdle: () => pool.waiting.shift()?.(),
        onEnd: () => {
          pool.instances.delete(instance);
          pool.waiting.shift()?.();
          this.instances.delete(instance.id);
        },
      },
      this.options.runtimeApi,
    );
    pool.instances.add(instance);
    this.instances.set(instance.id, instance);
    return instance.reserve();
  }

  /** The environment as in AWS. Of the host's own it has only PATH. */
  private environmentOf(configuration: FunctionConfiguration, taskRoot: string, logStream: string) {
    const { FunctionName, Handler, Runtime, MemorySize, Environment } = configuration;
    return {
      ...Environment?.Variables,
      ...QUIET_SDK,
      PATH: process.env.PATH,
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      _HANDLER: Handler,
      LAMBDA_TASK_ROOT: taskRoot,
      AWS_REGION: this.options.region,
      AWS_DEFAULT_REGION: this.options.region,
      AWS_ENDPOINT_URL: this.options.endpoint,
      AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
      AWS_LAMBDA_FUNCTION_NAME: FunctionName,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
      AWS_LAMBDA_LOG_GROUP_NAME: logGroupOf(configuration),
      AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    };
  }

  private endIdle(): void {
    for (const instance of this.instances.values()) {
      if (instance.isIdle && Date.now() - instance.idleSince > IDLE_MS) instance.kill();
    }
  }
}

function summary(payload: Buffer): string {
  const text = payload.toString();
  return /"errorMessage":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.slice(0, 200);
}
