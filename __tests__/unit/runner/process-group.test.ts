import * as childProcess from 'node:child_process';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { startGroup } from '../../../runner/process-group';

jest.mock('node:child_process');

test('a program without a process id is an error: kill(-0) would end the drain’s own process group', async () => {
  const child = Object.assign(new EventEmitter(), { stdout: new PassThrough(), stderr: new PassThrough() });
  jest.mocked(childProcess.spawn).mockReturnValue(child as never);
  const kill = jest.spyOn(process, 'kill').mockReturnValue(true);
  const start = startGroup({
    command: ['run'],
    cwd: '/',
    environment: {},
    output: { stdout: () => undefined, stderr: () => undefined },
    record: join(tmpdir(), 'no such folder', 'process.json'),
    bootId: 'boot-1',
  });
  child.emit('spawn');
  await expect(start).rejects.toThrow('run has started without a process id');
  expect(kill).not.toHaveBeenCalled();
});
