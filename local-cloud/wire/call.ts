import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from './caller';

/** The head of a request to an AWS service. */
export interface CallHead {
  /** The service's name in the signature: `s3`, `ec2`, `lambda`, … */
  readonly service: string;
  readonly region: string;
  readonly caller: Caller;
  readonly method: string;
  /** Path and query, unchanged: a key may hold `..`, `//` or `%`. */
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** A request whose body has been read. */
export interface Call extends CallHead {
  readonly body: Buffer;
}

/** A request as the gateway authorizes it. An S3 object's bytes are not read; any other body is. */
export type IncomingCall = CallHead & { readonly body?: Buffer | undefined };

/** The operation's name: `SendCommand` from X-Amz-Target (JSON protocols) or from `Action` (query protocols). */
export function operationOf(call: Call): string | undefined {
  const target = call.headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1);
  return (formOf(call).get('Action') ?? call.query.get('Action')) || undefined;
}

/** The fields of a query-protocol call. */
export function formOf(call: Call): URLSearchParams {
  const isForm = call.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return isForm ? new URLSearchParams(call.body.toString('utf8')) : call.query;
}

/** The same call with other fields. */
export function withForm(call: Call, form: URLSearchParams): Call {
  return { ...call, body: Buffer.from(form.toString()) };
}

/** The values of a list in a query-protocol call: `InstanceId.1=…&InstanceId.2=…`. */
export function listIn(form: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let index = 1; form.has(`${name}.${index}`); index += 1)
    values.push(form.get(`${name}.${index}`) ?? '');
  return values;
}
