/**
 * The `aws` of the sandbox: the part of the aws CLI that the command document needs, and a clear refusal of all else.
 * sandbox.ts bundles it. The endpoint comes from the environment; on a systemd machine the credentials come from the
 * metadata service.
 */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';

const USAGE = 's3api get-object --bucket BUCKET --key KEY [--version-id VERSION] OUTFILE';

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === '--version') {
    process.stdout.write('aws-cli/2.0.0 (a stand-in of the local cloud)\n');
    return;
  }
  if (words[0] !== 's3api' || words[1] !== 'get-object') {
    throw new Error(`the local cloud's aws supports only: aws ${USAGE}`);
  }
  const { values, positionals } = parseArgs({
    args: words.slice(2),
    allowPositionals: true,
    options: {
      bucket: { type: 'string' },
      key: { type: 'string' },
      'version-id': { type: 'string' },
      region: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const [file] = positionals;
  if (values.bucket === undefined || values.key === undefined || file === undefined) {
    throw new Error(`usage: aws ${USAGE}`);
  }
  const answer = await new S3Client(values.region === undefined ? {} : { region: values.region }).send(
    new GetObjectCommand({ Bucket: values.bucket, Key: values.key, VersionId: values['version-id'] }),
  );
  if (!(answer.Body instanceof Readable)) throw new Error('the object has no body');
  await pipeline(answer.Body, createWriteStream(file));
  process.stdout.write(`${JSON.stringify({ ETag: answer.ETag, VersionId: answer.VersionId })}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`aws: ${name}: ${message}\n`);
  process.exitCode = 254;
});
