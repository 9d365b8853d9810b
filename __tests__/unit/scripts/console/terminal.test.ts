import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { createColors } from 'picocolors';
import type { Clock } from '../../../../lifecycle/clock';
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
  it('show when, who and what, in columns', () => {
    const terminal = recordingTerminal();
    const steps = new Steps(terminal, clockAt(0, 40, 12_345, 245_000, 7_384_000));
    steps.say('cloud', 'listens');
    steps.say('instance', 'i-1 is pending');
    steps.say('job', 'a.csv: succeeded', 'good');
    steps.say('job', 'b.csv: failed', 'bad');
    expect(terminal.stdout).toEqual([
      '       0.0 s  cloud      listens',
      '      12.3 s  instance   i-1 is pending',
      '  4 min 05 s  job        a.csv: succeeded',
      '  2 h 03 min  job        b.csv: failed',
    ]);
  });

  it('colour a failure red where colours are wanted', () => {
    const terminal = { ...recordingTerminal(), colours: createColors(true) };
    new Steps(terminal, clockAt(0, 0)).say('job', 'failed', 'bad');
    expect(terminal.stdout[0]).toContain('\u001b[31mfailed\u001b[39m');
  });

  it('are shown once when polling sees again what was said', () => {
    const terminal = recordingTerminal();
    const steps = new Steps(terminal, clockAt());
    steps.changed('instance', 'running');
    steps.say('job', 'begins');
    steps.changed('instance', 'running');
    steps.changed('instance', 'stopping');
    steps.say('job', 'ends');
    steps.say('job', 'ends');
    expect(terminal.stdout.map((line) => line.slice(14).replace(/ +/, ' '))).toEqual([
      'instance running',
      'job begins',
      'instance stopping',
      'job ends',
    ]);
  });

  it('fit forty columns: the time stays in its column, the rest is broken between words', () => {
    const terminal = { ...recordingTerminal(), columns: 40 };
    const steps = new Steps(terminal, clockAt(0, 40, 245_000));
    steps.say('cloud', 'listens');
    steps.say('instance', 'i-1cfcf62b94dbf3641 is running, and told to stop');
    expect(terminal.stdout).toEqual([
      ' 0.0 s  cloud listens',
      '4 min 05 s  instance i-1cfcf62b94dbf3641',
      '            is running, and told to stop',
    ]);
  });

  it('cannot be made to drive the terminal by a key or a message', () => {
    const terminal = recordingTerminal();
    new Steps(terminal, clockAt()).say('job', 'a\u001b[2Jb\nc\u202Ed\u0085e');
    expect(terminal.stdout[0]).toContain('a\\x1b[2Jb\\x0ac\\u202ed\\x85e');
  });
});

describe('an output that nobody reads any more (| head, a closed window)', () => {
  const outputs = () => {
    const exits: unknown[] = [];
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const exit = (code: unknown) => void exits.push(code);
    return { exits, outputs: Object.assign(new EventEmitter(), streams, { exit }) };
  };

  it('lets who catches interrupts take everything down, told once', () => {
    const { exits, outputs: given } = outputs();
    const caught: unknown[] = [];
    given.on('SIGPIPE', (signal) => caught.push(signal));
    endWhenOutputCloses(given as unknown as NodeJS.Process);
    given.stdout.emit('error', new Error('EPIPE'));
    given.stderr.emit('error', new Error('EPIPE'));
    expect({ caught, exits }).toEqual({ caught: ['SIGPIPE'], exits: [] });
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
  ])('on a terminal (%j) with %j are used: %j', (isTerminal, environment, expected) => {
    expect(wantsColours(isTerminal, environment)).toBe(expected);
  });
});

it('a long text is cut, with a sign of it', () =>
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
