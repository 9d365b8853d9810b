import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../../scripts/tools/process-groups';
import { findRunningCloud } from '../../local-cloud/running';
import { startLocalCloud } from '../../local-cloud/cloud';
import { timingsForTests } from '../../local-cloud/clockwork/timings';
import { eventually, hasMoto, REGION, startCloud } from '../support/local-cloud';

const PROJECT = join(__dirname, '..', '..');

/** A program that starts a local cloud, prints moto's pid, and waits for its own end. */
const PROGRAM = `
const { startLocalCloud } = require('./local-cloud/cloud');
const { timingsForTests } = require('./local-cloud/clockwork/timings');
const { execFileSync } = require('node:child_process');
const [directory] = process.argv.slice(-1);
startLocalCloud({ directory, motoServer: 'moto_server', region: 'eu-central-1', timings: timingsForTests }).then(() => {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\\n');
  const moto = table.map((line) => line.trim().split(/\\s+/)).find((row) => row[1] === String(process.pid) && row.some((word) => word.includes('moto_server')));
  console.log(JSON.stringify({ moto: Number(moto[0]) }));
  if (process.argv.includes('--exit')) process.exit(0);
});`;

(hasMoto() ? describe : describe.skip)('the end of a local cloud', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'local cloud '));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const options = () => ({
    directory,
    motoServer: 'moto_server',
    region: REGION,
    timings: timingsForTests,
  });

  async function startProgram(...words: string[]) {
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', PROGRAM, '--', ...words, directory], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, moto: (JSON.parse(line.toString()) as { moto: number }).moto };
  }

  test('moto ends with the process, even if the process is killed with SIGKILL', async () => {
    const { child, moto } = await startProgram();
    expect(await findRunningCloud(directory)).toMatchObject({ pid: child.pid });
    expect(isAlive(moto)).toBe(true);
    child.kill('SIGKILL');
    await eventually('the end of moto', () => (isAlive(moto) ? undefined : true));
    expect(await findRunningCloud(directory)).toBeUndefined();
    // The files that it left do not block the next one.
    await (await startLocalCloud(options())).stop();
  });

  test('a process that exits without a stop takes moto along', async () => {
    const { child, moto } = await startProgram('--exit');
    if (child.exitCode === null) await once(child, 'exit');
    await eventually('the end of moto', () => (isAlive(moto) ? undefined : true));
  });

  test('a second local cloud in the folder, a taken port and a missing moto are refused with the reason', async () => {
    const cloud = await startLocalCloud(options());
    await expect(startLocalCloud(options())).rejects.toThrow(/already running/);
    const other = mkdtempSync(join(tmpdir(), 'local cloud '));
    const port = Number(new URL(cloud.endpoint).port);
    await expect(startLocalCloud({ ...options(), directory: other, port })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is taken`,
    );
    await cloud.stop();
    const motoServer = 'no-such-moto';
    await expect(startLocalCloud({ ...options(), motoServer })).rejects.toThrow(
      /no-such-moto.*no such program/s,
    );
    rmSync(other, { recursive: true });
  });

  test('when moto dies, callers get an error that says so', async () => {
    const cloud = await startCloud();
    const s3 = new S3Client(cloud.client);
    await s3.send(new ListBucketsCommand({}));
    process.kill(cloud.motoPid, 'SIGKILL');
    await eventually('the warning', () => cloud.events.find((event) => event.kind === 'warning'));
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({
      name: 'ServiceUnavailable',
      message: expect.stringContaining('moto server does not answer') as string,
    });
    await cloud.end();
  });
});
