import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as httpRequest,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { type Answer, AwsError } from '../wire/answer';
import type { Call, CallHead } from '../wire/call';
import { newlinesOut } from './newline-keys';

/** The versions of the query protocols. */
const VERSIONS = {
  ec2: '2016-11-15',
  iam: '2010-05-08',
  monitoring: '2010-08-01',
  sns: '2010-03-31',
  sts: '2011-06-15',
};

/** Our own calls to moto. They do not pass the gateway, have no caller, and are never denied. */
export class MotoApi {
  constructor(
    readonly port: number,
    readonly region: string,
  ) {}

  /** Calls a JSON protocol, e.g. `json('events', 'AWSEvents.ListRules', {})`. Throws AwsError. */
  async json<T>(service: string, target: string, body: object): Promise<T> {
    const answer = await this.request('POST', '/', {
      service,
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
      body: JSON.stringify(body),
    });
    return (answer.body.length === 0 ? {} : JSON.parse(answer.body.toString())) as T;
  }

  /** Calls a query protocol, e.g. `query('sts', 'AssumeRole', { RoleArn: … })`. Returns XML. Throws AwsError. */
  async query(
    service: keyof typeof VERSIONS,
    Action: string,
    fields: Record<string, string>,
  ): Promise<string> {
    const answer = await this.request('POST', '/', {
      service,
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: new URLSearchParams({ Action, Version: VERSIONS[service], ...fields }).toString(),
    });
    return answer.body.toString();
  }

  /** Sends any request. Throws AwsError if the status is not 2xx. */
  async request(
    method: string,
    target: string,
    options: { service?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const scope = `lamplighter/20260101/${this.region}/${options.service ?? 's3'}/aws4_request`;
    const path = motoTarget({ service: options.service ?? 's3', target });
    const answer = await this.send(method, path, options.body, {
      host: `127.0.0.1:${this.port}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
      'content-length': String(Buffer.byteLength(options.body ?? '')),
      ...options.headers,
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    const text = answer.body.toString();
    throw new AwsError(answer.status, codeIn(text, answer), `moto: ${method} ${target}: ${text}`);
  }

  /** Passes a caller's request on unchanged. Returns moto's answer, errors included. */
  async forward(call: Call): Promise<Answer> {
    const headers = { ...call.headers, 'content-length': String(call.body.length) };
    return this.send(call.method, motoTarget(call), call.body, withoutHopByHop(headers));
  }

  private async send(
    method: string,
    target: string,
    body: Buffer | string | undefined,
    headers: OutgoingHttpHeaders,
  ): Promise<Answer> {
    const message = await requestMoto(this.port, method, target, headers, (upstream) => upstream.end(body));
    return {
      status: message.statusCode ?? 502,
      headers: answerHeaders(message),
      body: await buffer(message),
    };
  }
}

/** The path and query of a call in moto's form. */
export function motoTarget({ service, target }: Pick<CallHead, 'service' | 'target'>): string {
  return service === 's3' ? newlinesOut(target) : target;
}

/** The path of an object, or of one version of it. */
export function objectPath(bucket: string, key: string, versionId: string | undefined): string {
  const version = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
  return `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}${version}`;
}

/** Sends a request to moto: `send` writes its body. Throws AwsError if moto does not answer. */
export function requestMoto(
  port: number,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  send: (outgoing: ClientRequest) => void,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, resolve);
    outgoing.once('error', ({ message }) => {
      const text = `The local cloud's moto server does not answer (${message}). Start the local cloud again.`;
      reject(new AwsError(503, 'ServiceUnavailable', text));
    });
    send(outgoing);
  });
}

const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'expect', 'upgrade'];

/** The headers without those of a single connection. */
export function withoutHopByHop(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.includes(name.toLowerCase()) ? [] : [[name, value]],
    ),
  );
}

function answerHeaders(message: IncomingMessage): Record<string, string> {
  const headers = Object.entries(withoutHopByHop(message.headers));
  return Object.fromEntries(headers.map(([name, value]) => [name, [value].flat().join(', ')]));
}

function codeIn(text: string, answer: Answer): string {
  return (
    answer.headers['x-amzn-errortype'] ??
    /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ??
    /"__type":\s*"([^"]+)"/.exec(text)?.[1] ??
    'UnknownError'
  );
}
