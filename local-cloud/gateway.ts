import { once } from 'node:events';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import { pipeline } from 'node:stream/promises';
import { LamplighterError, messageOf } from '../lifecycle/errors';
import type { Faults } from './faults';
import type { Authorizer } from './iam/authorize';
import type { Functions } from './lambda/functions';
import type { Notifications } from './s3/notifications';
import type { S3Api } from './s3/api';
import { type Answer, AwsError, emptyAnswer, errorAnswer } from './wire/answer';
import { type Call, type CallHead, type IncomingCall, operationOf } from './wire/call';
import { type Callers, credentialScopeOf } from './wire/caller';
import type { Recorder } from './wire/recorder';
import { THROTTLED, TokenBuckets, isThrottledService } from './wire/token-buckets';
import { motoTarget, requestMoto, withoutHopByHop } from './moto/moto-api';
import { newlinesOut } from './moto/newline-keys';

export const HEALTH_PATH = '/_lamplighter/health';
export const RUNTIME_PATH = '/_lamplighter/runtime/';

/** Maximum bytes of a buffered body. A function's zip is base64 inside JSON; Lambda's own limit is 50 MB. */
const MAX_BUFFERED_BYTES = 128 * 1024 * 1024;

/** The services behind the gateway. */
export interface Services {
  readonly region: string;
  readonly motoPort: number;
  readonly callers: Callers;
  /** The services that need more than moto, by the name in the signature. */
  readonly answers: Readonly<Record<string, (call: Call) => Promise<Answer | undefined>>>;
  /** moto, for all other services. */
  readonly otherwise: (call: Call) => Promise<Answer | undefined>;
  readonly authorizer: Pick<Authorizer, 'authorize' | 'authorizeMiss' | 'changes'>;
  /** An S3 request's body is read if a service needs it, or if the needed permissions depend on it. */
  readonly s3: Pick<S3Api, 'handles'>;
  readonly notifications: Pick<Notifications, 'observe'>;
  readonly faults: Pick<Faults, 'delay' | 'delayOperation' | 'noteCall'>;
  readonly functions: Pick<Functions, 'runtime'>;
  readonly recorder: Pick<Recorder, 'needsBody' | 'note'>;
}

/** The only door of the local cloud, on 127.0.0.1. */
export class Gateway {
  private services: Services | undefined;
  private readonly buckets = new TokenBuckets();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** Listens on `port`, or on a free one if it is 0. Throws LamplighterError if the port is taken. */
  static async open(port: number): Promise<Gateway> {
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 30_000 });
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
      throw new LamplighterError(
        `Port ${port} on 127.0.0.1 is taken by another program. Choose another port, or none to get a free one.`,
        { cause },
      );
    }
    const address = server.address();
    const gateway = new Gateway(server, typeof address === 'object' && address ? address.port : port);
    server.on('request', (request, response) => void gateway.handle(request, response));
    return gateway;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  serve(services: Services): void {
    this.services = services;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let service = 's3';
    try {
      if (!this.services) throw new AwsError(503, 'ServiceUnavailable', 'The local cloud is still starting.');
      if (request.url === HEALTH_PATH) {
        this.health(response, this.services);
        return;
      }
      if (request.url?.startsWith(RUNTIME_PATH)) {
        await this.services.functions.runtime(request.url.slice(RUNTIME_PATH.length), request, response);
        return;
      }
      const head = headOf(request, this.services);
      service = head.service;
      const { services } = this;
      // The operation of a request to another service is in its body. An S3 object streams past.
      const isRead = head.service !== 's3' || services.s3.handles(head);
      const call = { ...head, body: isRead ? await bodyOf(request) : undefined };
      await services.authorizer.authorize(call);
      services.authorizer.changes(call);
      await this.answer(call, request, response, services);
      services.authorizer.changes(call);
    } catch (error) {
      // A client may read the answer only after it has sent all bytes, even those of a denied upload.
      request.resume();
      if (response.headersSent) response.destroy();
      else send(response, errorAnswer(service, asAwsError(error)), request.method);
    }
  }

  private async answer(
    call: IncomingCall,
    request: IncomingMessage,
    response: ServerResponse,
    services: Services,
  ): Promise<void> {
    const { body } = call;
    if (body === undefined) {
      await services.faults.delay(call);
      await passOn(call, request, response, services);
      return;
    }
    this.refuseAboveLimit({ ...call, body }, services);
    const answers = services.answers[call.service] ?? services.otherwise;
    await services.faults.delayOperation(operationOf({ ...call, body }));
    const answer = await answers({ ...call, body });
    if (answer) {
      services.recorder.note({ ...call, body }, answer);
      send(response, answer, request.method);
    } else throw new AwsError(501, 'NotImplemented', `The local cloud cannot answer ${call.method}.`);
  }

  /**
   * Throws AwsError, as AWS does, if functions and instances make too many calls. AWS counts the operator's calls, too. Here
   * they are left out: Terraform and the tests ask for the same thing many times a second.
   */
  private refuseAboveLimit(call: Call, { faults }: Services): void {
    const { service } = call;
    const operation = operationOf(call);
    if (operation === undefined || !isThrottledService(service) || call.caller.kind !== 'role') return;
    faults.noteCall(call.caller.roleArn.split('/').at(-1) ?? '', operation);
    if (this.buckets.take(service, operation, Date.now())) return;
    const { code, status } = THROTTLED[service];
    throw new AwsError(status, code, service === 'ec2' ? 'Request limit exceeded.' : 'Rate exceeded');
  }

  private health(response: ServerResponse, { region }: Services): void {
    const body = Buffer.from(JSON.stringify({ lamplighter: 'local cloud', pid: process.pid, region }));
    send(response, { ...emptyAnswer(200, { 'content-type': 'application/json' }), body }, 'GET');
  }
}

function headOf(request: IncomingMessage, { callers, region }: Services): CallHead {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  const scope = credentialScopeOf(request.headers, query);
  return {
    // moto, too, treats an unsigned request as S3's.
    service: scope?.service ?? 's3',
    region: scope?.region ?? region,
    caller: callers.of(scope),
    method: request.method ?? 'GET',
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    query,
    headers: request.headers,
  };
}

/** Streams an S3 request to moto and moto's answer back. */
async function passOn(
  head: CallHead,
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
): Promise<void> {
  // The Host header stays the caller's: it is signed, and moto makes links with it.
  const headersToMoto = withoutHopByHop(headersFor(head));
  const chunks: Buffer[] = [];
  const pass = (outgoing: ClientRequest) => {
    request.once('aborted', () => outgoing.destroy());
    if (services.recorder.needsBody(head)) request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.pipe(outgoing);
  };
  const { motoPort } = services;
  const upstream = await requestMoto(motoPort, head.method, motoTarget(head), headersToMoto, pass);
  const status = upstream.statusCode ?? 502;
  const headers = withoutHopByHop(upstream.headers);
  if (status === 404 && (head.method === 'GET' || head.method === 'HEAD')) {
    try {
      await services.authorizer.authorizeMiss(head);
    } catch (error) {
      upstream.destroy();
      throw error;
    }
  }
  // moto's change stands, even if the caller has gone.
  services.notifications.observe(head, { status, headers: headers as Record<string, string> });
  services.recorder.note({ ...head, body: Buffer.concat(chunks) }, { status, headers });
  response.writeHead(status, headers);
  await pipeline(upstream, response);
}

/** The headers for moto. The source of a copy is a key, too. */
function headersFor({ headers }: CallHead): IncomingHttpHeaders {
  const source = headers['x-amz-copy-source'];
  return typeof source === 'string' ? { ...headers, 'x-amz-copy-source': newlinesOut(source) } : headers;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BUFFERED_BYTES) {
      throw new AwsError(413, 'RequestEntityTooLargeException', 'The request is larger than 128 MB.');
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: Answer, method: string | undefined): void {
  // The answer to a HEAD has no body, and the length of the answer to a GET.
  const length = method === 'HEAD' ? {} : { 'content-length': String(answer.body.length) };
  response.writeHead(answer.status, { ...answer.headers, ...length });
  response.end(method === 'HEAD' ? undefined : answer.body);
}

function asAwsError(error: unknown): AwsError {
  return error instanceof AwsError
    ? error
    : new AwsError(500, 'InternalFailure', `The local cloud failed: ${messageOf(error)}`);
}
