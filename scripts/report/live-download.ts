import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { awsCodeOf } from '../../lifecycle/errors';
import type { PipelineHandle } from '../pipeline/connect';
import { safeName } from '../pipeline/local-paths';

/** Headers that keep a browser from running or showing a result in the page's origin, whatever the model wrote. */
const HEADERS = {
  'content-type': 'application/octet-stream',
  'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
};

/**
 * Streams an object of the output bucket as a file to save. If there is no object of that key, returns false
 * and sends nothing. Rejects when either side closes the connection in the middle.
 */
export async function sendResult(
  response: ServerResponse,
  { manifest, target }: Pick<PipelineHandle, 'manifest' | 'target'>,
  key: string,
): Promise<boolean> {
  const body = await resultBody({ manifest, target }, key);
  if (!body) return false;
  const { stream, sizeBytes } = body;
  const length = sizeBytes === undefined ? {} : { 'content-length': sizeBytes };
  response.writeHead(200, { ...HEADERS, ...length, 'content-disposition': attachment(key) });
  await pipeline(stream, response);
  return true;
}

async function resultBody({ manifest, target }: Pick<PipelineHandle, 'manifest' | 'target'>, Key: string) {
  try {
    const { Body, ContentLength: sizeBytes } = await target.clients.s3.send(
      new GetObjectCommand({ Bucket: manifest.outputBucket, Key }),
    );
    return Body instanceof Readable ? { stream: Body, sizeBytes } : undefined;
  } catch (error) {
    if (awsCodeOf(error) === 'NoSuchKey') return undefined;
    throw error;
  }
}

/** Characters that reorder or break the line in which a browser shows a file's name. */
const MISLEADING = /[\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * The header by which a browser saves a result under the last segment of its key, as far as a disk accepts that name.
 * `safeName` has removed control characters, quotes and backslashes, so the quoted name cannot end early.
 * https://www.rfc-editor.org/rfc/rfc6266#appendix-D
 */
export function attachment(key: string): string {
  const name = safeName(key.slice(key.lastIndexOf('/') + 1).replace(MISLEADING, '_')) || 'result';
  const ascii = name.replace(/[^\x20-\x7e]/gu, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
