import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnd, startService } from '../../../runner/service';
import { faultsIn } from '../../../runner/walls';

describe('the end of a service', () => {
  test.each([
    ['success exited 0', { code: 0, signal: null }],
    ['exit-code exited 203', { code: 203, signal: null }],
    // systemd-run --wait returns 0 here.
    ['success killed TERM', { code: null, signal: 'SIGTERM' }],
    ['core-dump dumped SEGV', { code: null, signal: 'SIGSEGV' }],
    ['timeout exited 0', { code: 0, signal: null }],
  ])('%s', (line, exit) => {
    expect(parseEnd(`${line}\npeak \n`)).toEqual({ isKnown: true, exit, memory: { ranOut: false } });
  });

  test('has the peak of memory, and whether it ran out', () => {
    const text = 'oom-kill killed KILL\npeak 104857600\noom_kill 1\n';
    expect(parseEnd(text).memory).toEqual({ ranOut: true, peakBytes: 104_857_600 });
    // The kernel has killed a child, and the program has gone on.
    expect(parseEnd('exit-code exited 1\npeak 7\noom_kill 2\n').memory).toEqual({
      ranOut: true,
      peakBytes: 7,
    });
  });

  test('is not known if the service’s last command has not run: neither a code nor a signal', () => {
    expect(parseEnd('')).toEqual({
      isKnown: false,
      exit: { code: null, signal: null },
      memory: { ranOut: false },
    });
  });
});

(process.getuid?.() === 0 ? test : test.skip)(
  'a systemd-run that is not on the machine is not the model’s doing',
  async () => {
    const start = startService({
      unit: 'lamplighter-test.service',
      slice: 'lamplighter.slice',
      signs: join(tmpdir(), 'lamplighter-test-signs'),
      properties: [],
      command: ['true'],
      environment: { PATH: join(tmpdir(), 'no such folder') },
      output: { stdout: () => undefined, stderr: () => undefined },
    });
    await expect(start).rejects.toMatchObject({ endCause: 'wrapper' });
  },
);

describe('a look at the walls', () => {
  const good = [
    'user 20064',
    'account lamplighter-model-64',
    'no-new-privs 1',
    'capabilities 0000000000000000',
    'control-groups cgroup2fs',
    'end of the probe',
  ];
  const look = (change: (lines: string[]) => string[]) => faultsIn(change(good).join('\n'), 20_064);

  test('finds nothing where they hold', () => {
    expect(look((lines) => lines)).toEqual([]);
  });

  test.each([
    [
      'the metadata service',
      (lines: string[]) => ['reaches 169.254.169.254', ...lines],
      /reaches 169.*credentials/,
    ],
    ['its IPv6 address', (lines: string[]) => ['reaches fd00:ec2::254', ...lines], /reaches fd00/],
    ['another user', (lines: string[]) => ['user 0', ...lines.slice(1)], /runs as user 0 and not 20064/],
    [
      'no account',
      (lines: string[]) => lines.map((line) => line.replace(/^account.*/, 'account 20064')),
      /is 20064 and not lamplighter-model-64/,
    ],
    [
      'privileges',
      (lines: string[]) => lines.map((line) => line.replace('privs 1', 'privs 0')),
      /no_new_privs/,
    ],
    [
      'capabilities',
      (lines: string[]) => lines.map((line) => line.replace('s 0000', 's 0100')),
      /capabilities/,
    ],
    ['the drain’s files', (lines: string[]) => ['sees /opt/lamplighter/run', ...lines], /sees the files/],
    ['a writable system', (lines: string[]) => ['writes anywhere', ...lines], /write outside/],
    ['a program that does not start', () => ['Failed to start: no such property'], /no such property/],
  ])('finds %s', (_name, change, fault) => {
    expect(look(change)).toEqual([expect.stringMatching(fault)]);
  });
});
