import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeEnded } from '../../lifecycle/attempts';
import { attemptPrefix, shortId } from '../../lifecycle/job';
import type { Receipt } from '../../lifecycle/records';
import { print } from '../console/print';
import { type Terminal, bytes, printable } from '../console/terminal';
import { BrokenError } from '../console/exit';
import { shortPath } from '../tools/project';
import { localPath, localPaths } from './local-paths';

export interface ResultFile {
  readonly key: string;
  readonly sizeBytes: number;
  /** The path of the copy. */
  readonly file: string;
}

/** The folder of the copies of a job's results: below `directory`, the upload's key, then the short job id. */
export function resultsFolder(directory: string, receipt: Receipt): string {
  return join(localPath(directory, receipt.input.key), shortId(receipt.jobId));
}

/** Copies a job's results and its receipt to the disk. Each file is written whole or not at all. */
export async function downloadResults(
  s3: S3Client,
  outputBucket: string,
  receipt: Receipt,
  directory: string,
): Promise<ResultFile[]> {
  const folder = resultsFolder(directory, receipt);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'receipt.json'), `${JSON.stringify(receipt, null, 2)}\n`);
  const prefix = attemptPrefix(receipt.input.key, receipt.jobId, receipt.attempt);
  const paths = localPaths(
    join(folder, 'files'),
    receipt.outputs.map(({ key }) => withoutPrefix(key, prefix)),
  );
  const files: ResultFile[] = [];
  for (const { key, sizeBytes } of receipt.outputs) {
    const file = paths.get(withoutPrefix(key, prefix));
    if (file === undefined) continue;
    await download(s3, outputBucket, key, file);
    files.push({ key, sizeBytes, file });
  }
  return files;
}

const withoutPrefix = (key: string, prefix: string) =>
  key.startsWith(prefix) ? key.slice(prefix.length) : key;

async function download(s3: S3Client, bucket: string, key: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = join(dirname(file), `.${randomUUID()}.part`);
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    if (!(Body instanceof Readable)) throw new BrokenError(`s3://${bucket}/${key} could not be read`);
    await pipeline(Body, createWriteStream(part));
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}

/** Endings of files that people can read, the most useful first. */
const READABLE = ['.csv', '.tsv', '.txt', '.json', '.jsonl', '.md'];
const FILES_SHOWN = 2;
const LINES_SHOWN = 5;
const LINE_WIDTH = 100;
/** Maximum characters of a line of the model's stderr. Such a line is wrapped, not cut, because it may say why the model failed. */
const STDERR_WIDTH = 400;

/** Prints where a job's results are, and their first lines. */
export async function showResults(
  terminal: Terminal,
  outputBucket: string,
  receipt: Receipt,
  files: readonly ResultFile[],
): Promise<void> {
  const { colours } = terminal;
  const good = receipt.outcome === 'succeeded';
  const took =
    receipt.startedAt === undefined ? '' : `, model time ${seconds(receipt.startedAt, receipt.endedAt)}`;
  print(terminal, [
    '',
    `${colours.bold(printable(receipt.input.key))}: ${good ? colours.green('succeeded') : colours.red('failed')}` +
      ` (job ${shortId(receipt.jobId)}, model ${printable(receipt.model.name)}, attempt ${receipt.attempt}${took})`,
  ]);
  if ((receipt.endedAttempts ?? []).length > 0) {
    print(terminal, `  before it: ${printable(describeEnded(receipt.endedAttempts ?? []), 2000)}`);
  }
  if (receipt.error) print(terminal, `  ${colours.red(printable(receipt.error.message, 2000))}`);
  for (const line of (receipt.stderrTail ?? '')
    .split('\n')
    .filter((text) => text !== '')
    .slice(-LINES_SHOWN)) {
    print(terminal, `  ${colours.dim('model:')} ${printable(line, STDERR_WIDTH)}`);
  }
  for (const { key, sizeBytes, file } of files) {
    print(terminal, [
      `  s3://${outputBucket}/${printable(key, 2000)} (${bytes(sizeBytes)})`,
      `    ${colours.dim('copy:')} ${printable(shortPath(file), 2000)}`,
    ]);
  }
  for (const { file } of mostReadable(files)) {
    const lines = await firstLines(file);
    if (lines.length > 0)
      print(terminal, `  ${colours.dim(`the first lines of ${printable(shortName(file))}:`)}`);
    const room = Math.min(LINE_WIDTH, (terminal.columns ?? Infinity) - 4);
    for (const line of lines) terminal.out(`    ${printable(line, room)}`);
  }
}

function mostReadable(files: readonly ResultFile[]): ResultFile[] {
  const rank = ({ file }: ResultFile) => READABLE.indexOf(extname(file).toLowerCase());
  return files
    .filter((file) => rank(file) >= 0)
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, FILES_SHOWN);
}

const shortName = (file: string) => file.slice(dirname(file).length + 1);

/** Number of bytes that are read of a file, enough for a few lines. */
const HEAD_BYTES = 16_384;

async function firstLines(file: string): Promise<string[]> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    return lines.length <= LINES_SHOWN ? lines : [...lines.slice(0, LINES_SHOWN), '…'];
  } finally {
    await handle.close();
  }
}

function seconds(from: string, to: string): string {
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s`;
}
