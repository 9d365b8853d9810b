import { folder } from './folder';
import { rmSync } from 'node:fs';
import os from 'node:os';
import { output } from '../../../../scripts/console/interrupt';
import { main } from '../../../../scripts/lamplighter';
import type { Target } from '../../../../scripts/pipeline/target';
import { PROJECT_FOLDER } from '../../../../scripts/tools/project';
import type { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { recordingTerminal } from '../stand-ins';

let mockTarget: Target | undefined;
jest.mock('../../../../scripts/pipeline/target', () => ({
  ...jest.requireActual<object>('../../../../scripts/pipeline/target'),
  chooseTarget: () => Promise.resolve(mockTarget),
  localTarget: () => mockTarget,
  localClients: () => mockTarget?.clients,
}));

/** Only the time of day stands still. */
const REAL = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'setInterval', 'clearInterval'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What the commands of a test file print depends on no folder, no user, no time and no terminal. */
export function keepMachineOut(): void {
  const home = process.cwd();
  const user = jest.spyOn(os, 'userInfo');
  const outputs = [process.stdout, process.stderr].map((stream) => ({ stream, isTTY: stream.isTTY }));
  beforeAll(() => {
    process.chdir(folder);
    user.mockReturnValue({ username: 'ada' } as os.UserInfo<string>);
    // A help is as wide as a terminal of the process.
    for (const { stream } of outputs) stream.isTTY = false;
    jest.useFakeTimers({
      doNotFake: [...REAL, 'nextTick', 'queueMicrotask', 'hrtime', 'performance'] as never[],
    });
  });
  afterAll(() => {
    jest.useRealTimers();
    for (const { stream, isTTY } of outputs) stream.isTTY = isTTY;
    user.mockRestore();
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  /** Of the terminal. @default there is no terminal */
  readonly columns?: number | undefined;
  /** Called with each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
}

/** The command line, in the place, at the place's time. */
export async function run(
  place: InMemoryPipeline | undefined,
  args: readonly string[],
  { columns, onLine = () => undefined }: Options = {},
): Promise<Run> {
  mockTarget = place?.handle.target;
  if (place) jest.setSystemTime(place.account.clock.now());
  const terminal = { ...recordingTerminal(), columns };
  const { stdout, stderr } = terminal;
  terminal.out = (line = '') => {
    stdout.push(line);
    onLine(line);
  };
  terminal.err = (line) => {
    stderr.push(line);
    onLine(line);
  };
  const before = SIGNALS.map((name) => process.listeners(name));
  const code = await main(args, terminal);
  for (const [index, name] of SIGNALS.entries())
    for (const listener of process.listeners(name))
      if (before[index]?.includes(listener) === false) process.off(name, listener);
  output.removeAllListeners();
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/** What Ctrl-C in the terminal does. */
export const interrupt = () => void process.emit('SIGINT', 'SIGINT');

/** The port of the local cloud in the goldens; any other is a free port of the machine. */
export const ENDPOINT = 'http://127.0.0.1:4566';

/** The printed text and the exit code, without what differs from machine to machine. */
export const golden = ({ code, stdout, stderr }: Run) =>
  [stdout, ...(stderr === '' ? [] : ['--- stderr', stderr]), `--- exit code ${code}`]
    .join('\n')
    .replaceAll(folder, 'FOLDER')
    .replaceAll(PROJECT_FOLDER, 'PROJECT')
    .replace(/127\.0\.0\.1:(?!4566\b)\d+/g, '127.0.0.1:PORT')
    .replaceAll(`rocess ${process.pid}`, 'rocess PID')
    .replaceAll(`kill ${process.pid}`, 'kill PID');
