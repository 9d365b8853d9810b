import { spawnSync } from 'node:child_process';
import { PROJECT_FOLDER } from '../../../../scripts/tools/project';

/** A peer closes its connection. Before this process sees that, it writes twice: the kernel sends SIGPIPE for the second. */
const PROGRAM = `
const { spawn } = require('node:child_process');
const { createServer } = require('node:net');
const { catchInterrupts } = require('./scripts/console/interrupt');
const { signal } = catchInterrupts();
const server = createServer((socket) => {
  socket.on('error', ({ code }) => setTimeout(() => {
    console.log(code + (signal.aborted ? ', interrupted' : ', goes on'));
    process.exit();
  }, 50));
  socket.once('data', () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    socket.write('1');
    socket.write('2');
  });
});
server.listen(0, '127.0.0.1', () => {
  const peer = "const c = require('node:net').connect(" + server.address().port + "); c.write('x', () => process.exit());";
  spawn(process.execPath, ['-e', peer]);
});`;

test('a peer that closes its connection during a write interrupts nothing: the local cloud goes on', () => {
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '-e', PROGRAM], {
    cwd: PROJECT_FOLDER,
    encoding: 'utf8',
  });
  expect(stdout).toBe('EPIPE, goes on\n');
});
