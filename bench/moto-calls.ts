/*
 * Counts the requests that the local cloud sends to moto's server. `node --require` loads it into the process of
 * `lamplighter local`. SIGUSR2 begins the counting anew, and the counts are written to the file LAMPLIGHTER_CALLS at the
 * process's end.
 */
import { writeFileSync } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';

/** Number of requests, by `caller: service operation`. */
let counts: Record<string, number> = {};

const { request } = http;
// Requests to moto are those without an agent: the SDK's clients keep connections open.
http.request = ((options: RequestOptions, onAnswer?: (answer: IncomingMessage) => void) => {
  const outgoing = request(options, onAnswer);
  if (options.agent === false) observe(outgoing, options.method ?? 'GET', options.path ?? '/');
  return outgoing;
}) as typeof http.request;

process.on('SIGUSR2', () => {
  counts = {};
});
process.on('exit', () => {
  writeFileSync(process.env.LAMPLIGHTER_CALLS ?? '', JSON.stringify(counts));
});

function observe(outgoing: ClientRequest, method: string, path: string): void {
  const caller = callerOf(text(outgoing, 'authorization'), text(outgoing, 'user-agent'));
  if (caller === undefined) return;
  const service =
    /Credential=[^/]+\/[^/]+\/[^/]+\/([^/]+)/.exec(text(outgoing, 'authorization'))?.[1] ?? 's3';
  const count = (operation: string) => {
    const name = `${caller}: ${service} ${operation}`;
    counts[name] = (counts[name] ?? 0) + 1;
  };
  if (service === 's3') {
    count(s3Operation(method, path));
    return;
  }
  const target = text(outgoing, 'x-amz-target').split('.').at(-1) ?? '';
  if (target !== '') {
    count(target);
    return;
  }
  // Query protocols have the operation in the body, which is written at once.
  const end = outgoing.end.bind(outgoing);
  outgoing.end = (body?: unknown) => {
    const form = new URLSearchParams(
      Buffer.isBuffer(body) || typeof body === 'string' ? body.toString() : '',
    );
    count(form.get('Action') ?? `${method} ${path.split('/')[2] ?? ''}`);
    return end(body);
  };
}

/** Undefined: Terraform, which has no part in the running of jobs. */
function callerOf(authorization: string, userAgent: string): string | undefined {
  if (userAgent.includes('Terraform')) return undefined;
  if (authorization.includes('Credential=LAMPLIGHTERLOCAL/')) return 'terminal';
  if (authorization.includes('Credential=lamplighter/')) return 'local cloud';
  return userAgent.includes('AWS_Lambda') ? 'functions' : 'machine';
}

function s3Operation(method: string, path: string): string {
  const mark = path.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1));
  const isObject = /^\/[^/?]+\/[^?]/.test(path);
  if (isObject) return `${method[0] ?? ''}${method.slice(1).toLowerCase()}Object`;
  if (query.has('list-type')) return 'ListObjectsV2';
  return query.has('versions') ? 'ListObjectVersions' : `${method} bucket`;
}

function text(outgoing: ClientRequest, name: string): string {
  const value = outgoing.getHeader(name);
  return typeof value === 'string' ? value : '';
}
