import { Upload } from '@aws-sdk/lib-storage';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '../../lifecycle/clock';
import { messageOf } from '../../lifecycle/errors';
import { jobIdOf } from '../../lifecycle/job';
import type { PipelineHandle } from '../pipeline/connect';
import type { WatchedJob } from '../pipeline/job-watch';
import { prefixFor, takenKeys } from '../pipeline/upload-files';
import { sendResult } from './live-download';
import { LivePage } from './live-page';
import { RESULTS_PATH, isResultKey } from './live-results';

export interface LiveServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Maximum uploads of this page that are shown. */
const UPLOADS_SHOWN = 10;
/** Maximum bytes of a file's name on all common systems. S3's limit on a key is 1,024 bytes. */
const MAX_NAME_BYTES = 255;

/** Serves the live page of a pipeline of the local cloud on a free port of 127.0.0.1. */
export async function startLiveServer(
  handle: PipelineHandle,
  clock: Clock = systemClock,
): Promise<LiveServer> {
  const uploads: WatchedJob[] = [];
  const page = new LivePage(handle, clock);
  const server = createServer((request, response) => {
    answer(request, response, handle, page, uploads).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: messageOf(error) });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handle: PipelineHandle,
  page: LivePage,
  uploads: WatchedJob[],
): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const refusal = foreignRequest(request);
  if (refusal !== undefined) {
    request.resume();
    sendJson(response, 403, { error: refusal });
    return;
  }
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (pathname === '/' && request.method === 'GET') {
    const { text, etag } = await page.now(uploads);
    const isKnown = request.headers['if-none-match'] === etag;
    response.writeHead(isKnown ? 304 : 200, { 'content-type': 'text/html; charset=utf-8', etag });
    response.end(isKnown ? undefined : text);
  } else if (pathname === '/uploads' && request.method === 'POST') {
    await acceptUpload(request, response, handle, uploads, searchParams.get('name') ?? '');
  } else if (pathname === RESULTS_PATH && request.method === 'GET') {
    const key = searchParams.get('key') ?? '';
    if (!isResultKey(key)) sendJson(response, 422, { error: 'This is not the key of a result.' });
    else if (!(await sendResult(response, handle, key)))
      sendJson(response, 404, { error: `There is no ${key} in the output bucket.` });
  } else {
    sendJson(response, 404, { error: 'This page has only /, /uploads and /results.' });
  }
}

/** The page itself has the rest of the policy; `frame-ancestors` works in a header only. */
const HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/**
 * The reason why a request does not come from our page, or undefined. Any web site can make its visitor's
 * browser send requests to 127.0.0.1. A foreign name that resolves to it (DNS rebinding) is not our host;
 * another site's POST has that site's origin.
 */
function foreignRequest({ headers, method, socket }: IncomingMessage): string | undefined {
  const hosts = ['127.0.0.1', 'localhost'].map((name) => `${name}:${socket.localPort ?? 0}`);
  const { host = '', origin } = headers;
  if (!hosts.includes(host)) return 'This host name is not the page’s.';
  if (origin !== undefined && origin !== `http://${host}`)
    return 'Only the page itself may send requests here.';
  if (![undefined, 'same-origin', 'none'].includes(headers['sec-fetch-site'])) {
    return 'Only the page itself may send requests here.';
  }
  // A browser sends the origin with every POST. Before it sends our header for another site, it asks with
  // OPTIONS.
  if (method !== 'GET' && (origin === undefined || headers['x-lamplighter'] !== 'upload')) {
    return 'Only the page itself uploads here; use `npx lamplighter submit` or any S3 tool.';
  }
  return undefined;
}

async function acceptUpload(
  request: IncomingMessage,
  response: ServerResponse,
  { manifest, target }: PipelineHandle,
  uploads: WatchedJob[],
  name: string,
): Promise<void> {
  const prefix = isFileName(name) ? prefixFor(name, manifest.models) : undefined;
  if (prefix === undefined) {
    // A browser reads the answer only after it has sent the whole file.
    request.resume();
    sendJson(response, 422, { error: refusalOf(name, manifest) });
    return;
  }
  const [bucket, key] = [manifest.dataBucket, `${prefix}${name}`];
  const upload = new Upload({
    client: target.clients.s3,
    params: { Bucket: bucket, Key: key, Body: request },
  });
  // If the browser closes the connection in the middle, half a file must not become an upload.
  request.once('close', () => {
    if (!request.complete) void upload.abort();
  });
  const { VersionId: versionId = '' } = await upload.done();
  const jobId = jobIdOf({ bucket, key, versionId });
  uploads.unshift({ jobId, key });
  uploads.splice(UPLOADS_SHOWN);
  sendJson(response, 201, { jobId, key, versionId });
}

function refusalOf(name: string, { models }: PipelineHandle['manifest']): string {
  if (!isFileName(name)) return 'This is not a file name.';
  return `No model accepts "${name}"; accepted: ${takenKeys(models)}`;
}

function isFileName(name: string): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES &&
    !/[/\\\p{Cc}]/u.test(name)
  );
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
