import { PassThrough } from 'node:stream';
import { createColors } from 'picocolors';
import type { Clock } from '../../../../lifecycle/clock';
import { catchInterrupts } from '../../../../scripts/console/interrupt';
import { Steps } from '../../../../scripts/console/steps';
import {
  ago,
  bytes,
  duration,
  endWhenOutputCloses,
  printable,
  wantsColours,
} from '../../../../scripts/console/terminal';
import { recordingTerminal } from '../stand-ins';

function clockAt(...times: number[]): Clock {
  return { now: () => times.shift() ?? 0, sleep: () => Promise.resolve() };
}

describe('steps', () => {
  it('show the time, the subject and the text in columns', () => {
    const terminal = recordingTerminal();
    const steps = new Steps(terminal, clockAt(0, 40, 12_345, 245_000, 7_384_000));
    steps.show('cloud', 'listens');
    steps.show('instance', 'i-1 is pending');
    steps.show('job', 'a.csv: succeeded', 'good');
    steps.show('job', 'b.csv: failed', 'bad');
    expect(terminal.stdout).toEqual([
      '       0.0 s  cloud      listens',
      '      12.3 s  instance   i-1 is pending',
      '  4 min 05 s  job        a.csv: succeeded',
      '  2 h 03 min  job        b.csv: failed',
    ]);
  });

  it('colour a failure red if colours are on', () => {
    const terminal = { ...recordingTerminal(), colours: createColors(true) };
    new Steps(terminal, clockAt(0, 0)).show('job', 'failed', 'bad');
    expect(terminal.stdout[0]).toContain('\u001b[31mfailed\u001b[39m');
  });

  it('are shown once if polling finds the same again', () => {
    const terminal = recordingTerminal();
    const steps = new Steps(terminal, clockAt());
    steps.changed('instance', 'running');
    steps.show('job', 'begins');
    steps.changed('instance', 'running');
    steps.changed('instance', 'stopping');
    steps.show('job', 'ends');
    steps.show('job', 'ends');
    expect(terminal.stdout.map((line) => line.slice(14).replace(/ +/, ' '))).toEqual([
      'instance running',
      'job begins',
      'instance stopping',
      'job ends',
    ]);
  });

  it('fit forty columns: the time keeps its column, the rest is wrapped between words', () => {
    const terminal = { ...recordingTerminal(), columns: 40 };
    const steps = new Steps(terminal, clockAt(0, 40, 245_000));
    steps.show('cloud', 'listens');
    steps.show('instance', 'i-1cfcf62b94dbf3641 is running, and due to stop');
    expect(terminal.stdout).toEqual([
      ' 0.0 s  cloud listens',
      '4 min 05 s  instance i-1cfcf62b94dbf3641',
      '            is running, and due to stop',
    ]);
  });

  it('escape control characters of a key or a message', () => {
    const terminal = recordingTerminal();
    new Steps(terminal, clockAt()).show('job', 'a\u001b[2Jb\nc\u202Ed\u0085e');
    expect(terminal.stdout[0]).toContain('a\\x1b[2Jb\\x0ac\\u202ed\\x85e');
  });
});

describe('an output without a reader (| head, a closed window)', () => {
  const outputs = () => {
    const exits: unknown[] = [];
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const exit = (code: unknown) => void exits.push(code);
    return { exits, outputs: { ...streams, exit } };
  };

  it('interrupts a command that catches interrupts', () => {
    const { exits, outputs: given } = outputs();
    const { signal, release } = catchInterrupts();
    endWhenOutputCloses(given as unknown as NodeJS.Process);
    given.stdout.emit('error', new Error('EPIPE'));
    given.stderr.emit('error', new Error('EPIPE'));
    release();
    expect({ isInterrupted: signal.aborted, exits }).toEqual({ isInterrupted: true, exits: [] });
  });

  it('ends every other command without a stack trace', () => {
    const { exits, outputs: given } = outputs();
    endWhenOutputCloses(given as unknown as NodeJS.Process);
    given.stdout.emit('error', new Error('EIO'));
    expect(exits).toEqual([130]);
  });
});

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, { CI: 'true' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal (%j) with %j are on: %j', (isTerminal, environment, expected) => {
    expect(wantsColours(isTerminal, environment)).toBe(expected);
  });
});

it('a long text is cut and ends with an ellipsis', () =>
  expect(printable('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`));

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_234, '1.2 kB'],
  [99_950, '100 kB'],
  [600_000_000, '600 MB'],
  [1.5e13, '15.0 TB'],
])('%d bytes read %j', (count, text) => expect(bytes(count)).toBe(text));

it.each([
  [-5, '0.0 s'],
  [99_940, '99.9 s'],
  [99_960, '1 min 40 s'],
  [3_600_000, '1 h 00 min'],
])('%d milliseconds read %j', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

it.each([
  ['2026-01-01T23:59:48.000Z', '12.0 s ago'],
  ['2025-12-31T01:00:00.000Z', '47 h 00 min ago'],
  ['2025-12-29T20:00:00.000Z', '3 d 04 h ago'],
  ['2026-01-03T00:00:00.000Z', '0.0 s ago'],
])('%s was %j', (time, text) => expect(ago(time, Date.parse('2026-01-02T00:00:00.000Z'))).toBe(text));
