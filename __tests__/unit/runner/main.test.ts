import { build } from 'esbuild';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const folder = mkdtempSync(join(tmpdir(), 'lamplighter main '));
const runner = join(folder, 'runner.mjs');

beforeAll(async () => {
  await build({
    entryPoints: [resolve(__dirname, '../../../runner/main.ts')],
    outfile: runner,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call = (...args: string[]) =>
  spawnSync(process.execPath, [runner, ...args], { encoding: 'utf8', env: { PATH: process.env.PATH } });

test.each([
  [[], 'unknown command: (none)'],
  [['dance', '--config', 'x'], 'unknown command: dance'],
  [['drain'], '--config FILE is missing'],
  [['drain', '--config', 'x', 'more'], 'too many arguments: more'],
  [['drain', '--confg', 'x'], "Unknown option '--confg'"],
])('a wrong call (%j) prints the error and the usage', (args, message) => {
  const { status, stderr } = call(...args);
  expect(stderr).toContain(message);
  expect(stderr).toContain('usage: runner.mjs drain --config FILE');
  expect(status).toBe(64);
});

test('the bundled runner without its configuration prints the missing file and the document that writes it', () => {
  const { status, stderr } = call('drain', '--config', join(folder, 'none.json'));
  expect(stderr).toContain('none.json');
  expect(stderr).toContain('run the document again');
  expect(status).toBe(78);
});

test('an invalid configuration is reported with its file and field', () => {
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ version: 1, pipeline: 'p' }));
  const { status, stderr } = call('drain', '--config', file);
  expect(stderr).toContain(file);
  expect(stderr).toContain('leaseSeconds');
  expect(status).toBe(78);
});

test('a drain whose output is lost goes on: the disk of the agent’s files may be full', async () => {
  const s3 = createServer((_request, answer) => answer.end('<ListBucketResult></ListBucketResult>'));
  await new Promise<void>((listening) => s3.listen(0, '127.0.0.1', listening));
  const config = { version: 1, pipeline: 'p', region: 'eu-central-1', leaseSeconds: 900, lingerSeconds: 0 };
  const buckets = { dataBucket: 'data', outputBucket: 'output', controlBucket: 'control' };
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...config, ...buckets, idleShutdownMinutes: 10 }));
  // The drain logs that it cannot read this.
  mkdirSync(join(folder, 'run', 'account.json'), { recursive: true });
  const script = '"$@" | true; exit "${PIPESTATUS[0]}"';
  const drained = promisify(execFile)(
    'bash',
    ['--norc', '-c', script, 'bash', process.execPath, runner, 'drain', '--config', file],
    {
      env: {
        PATH: process.env.PATH,
        LAMPLIGHTER_BOOT_ID: 'boot',
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(s3.address() as AddressInfo).port}`,
        AWS_ACCESS_KEY_ID: 'key',
        AWS_SECRET_ACCESS_KEY: 'secret',
      },
    },
  ).finally(() => s3.close());
  expect((await drained).stdout).toBe('');
});
