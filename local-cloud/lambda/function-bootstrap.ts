/**
 * The program of a function's child process. It loads the handler from the unpacked zip and uses Lambda's runtime interface
 * at the gateway, as AWS's runtime does. function-instance.ts bundles it; it imports nothing of ours.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Handler = (
  event: unknown,
  context: object,
  callback: (error: unknown, result?: unknown) => void,
) => unknown;

const api = `http://${variable('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

async function main(): Promise<void> {
  const handler = await load(variable('_HANDLER'), variable('LAMBDA_TASK_ROOT'));
  for (;;) {
    const invocation = await send('GET', '/invocation/next');
    const requestId = String(invocation.message.headers['lambda-runtime-aws-request-id']);
    try {
      const event: unknown = JSON.parse(invocation.body || 'null');
      const result = await run(handler, event, contextOf(invocation.message, requestId));
      await send('POST', `/invocation/${requestId}/response`, JSON.stringify(result ?? null));
    } catch (error) {
      await send('POST', `/invocation/${requestId}/error`, JSON.stringify(describe(error)));
    }
  }
}

async function load(handlerName: string, taskRoot: string): Promise<Handler> {
  try {
    const dot = handlerName.lastIndexOf('.');
    const stem = join(taskRoot, handlerName.slice(0, dot));
    const file = ['.js', '.cjs', '.mjs'].map((ending) => stem + ending).find((name) => existsSync(name));
    if (file === undefined) throw new Error(`Cannot find module '${handlerName.slice(0, dot)}' in the zip`);
    const module = (
      file.endsWith('.mjs') ? await import(pathToFileURL(file).href) : createRequire(file)(file)
    ) as Record<string, unknown>;
    const handler = module[handlerName.slice(dot + 1)];
    if (typeof handler !== 'function') throw new Error(`${handlerName} is undefined or not exported`);
    return handler as Handler;
  } catch (error) {
    console.error(error);
    await send('POST', '/init/error', JSON.stringify(describe(error)));
    process.exit(1);
  }
}

function run(handler: Handler, event: unknown, context: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (error: unknown, result?: unknown) => {
      if (error === null || error === undefined) resolve(result);
      else reject(asError(error));
    };
    const returned = handler(event, context, settle);
    if (returned instanceof Promise || handler.length < 3) resolve(returned);
  });
}

function contextOf({ headers }: IncomingMessage, requestId: string): object {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function describe(thrown: unknown): object {
  const { name, message, stack } = asError(thrown);
  return { errorType: name, errorMessage: message, trace: stack?.split('\n') ?? [] };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function send(method: string, path: string, body = ''): Promise<{ message: IncomingMessage; body: string }> {
  return new Promise((resolve) => {
    // A function ends with the gateway.
    const end = () => process.exit(0);
    const outgoing = request(
      api + path,
      { method, agent, headers: { 'content-length': Buffer.byteLength(body) } },
      (message) => {
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.once('error', end);
        message.once('end', () => resolve({ message, body: Buffer.concat(chunks).toString() }));
      },
    );
    outgoing.once('error', end);
    outgoing.end(body);
  });
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`The environment has no ${name}`);
  return value;
}

void main();
