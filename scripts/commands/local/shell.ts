import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { runningMachine } from '../../../local-cloud/machine/running-machine';
import { isRunning } from '../../../local-cloud/local-run';
import { notRunning } from '../../../local-cloud/local-environment';
import { Exit, type ExitCode, MissingError } from '../../console/exit';
import { LOCAL_DIRECTORY } from '../../tools/project';

/** What of the machine's first process the shell shares. */
const NAMESPACES = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--time', '--root'];

/** Opens a shell, as root, in the systemd machine of this checkout's local cloud. Returns when the shell has ended. */
export async function openShell(): Promise<ExitCode> {
  if (!(await isRunning(LOCAL_DIRECTORY))) throw await notRunning(LOCAL_DIRECTORY);
  const init = runningMachine(LOCAL_DIRECTORY);
  if (init === undefined) {
    throw new MissingError(
      'No systemd machine is on. The local cloud must have been started with --machine systemd, and its instance is on only ' +
        'while it has work. To keep it on: npx lamplighter hold',
    );
  }
  const environment = [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LANG=C.UTF-8',
    `TERM=${process.env.TERM ?? 'dumb'}`,
  ];
  const enter = ['--target', String(init), ...NAMESPACES, '--'];
  const bash = ['env', '-i', ...environment, 'sh', '-c', 'cd && exec bash -l'];
  const shell = spawn('nsenter', [...enter, ...bash], { stdio: 'inherit' });
  // The shell handles Ctrl-C.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    await once(shell, 'exit');
  } finally {
    process.off('SIGINT', ignore);
  }
  return Exit.ok;
}
