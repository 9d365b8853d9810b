import { reportBaseline } from '../../../simulation/baseline-report';
import { bundleSimulator } from '../../../simulation/bundle';
import { readCommandLine } from '../../../simulation/command-line';
import { MUTATIONS } from '../../../simulation/mutations';
import { simulate } from '../../../simulation/simulate';

function recordingOutput() {
  const printed: string[] = [];
  const warned: string[] = [];
  const output = {
    print: (text: string) => void printed.push(text),
    warn: (text: string) => void warned.push(text),
  };
  return { printed, warned, output };
}

async function run(...args: string[]) {
  const { printed, warned, output } = recordingOutput();
  const code = await simulate(args, output);
  return { code, stdout: printed.join('\n'), stderr: warned.join('\n') };
}

describe('a wrong command line is refused with exit code 2 and a sentence', () => {
  it.each([
    [['--histories', ''], 'A whole number is needed.'],
    [['--histories', '1e3'], 'A whole number is needed.'],
    [['--histories', ' 5'], 'A whole number is needed.'],
    [['--histories', '99999999999999999999'], 'A whole number is needed.'],
    [['--seed', '-1'], 'A whole number is needed.'],
    [['--seed', '0x10'], 'A whole number is needed.'],
    [['--replay', ''], 'A whole number is needed.'],
    [['--histories', '0'], 'A whole number greater than 0 is needed.'],
    [['--workers', '0'], 'A whole number greater than 0 is needed.'],
    [['--economy', '--workloads', '0'], 'A whole number greater than 0 is needed.'],
    [['--faults', 'gremlins'], '"gremlins" is none of: call refused'],
    [['--crash-point'], "unknown option '--crash-point'"],
    [['12'], 'too many arguments'],
    [['--replay', '1', '--baseline'], '--replay and --baseline are two modes'],
    [['--economy', '--mutations'], '--mutations and --economy are two modes'],
    [['--search'], 'a run of histories does not use --search'],
    [['--linger', '30'], 'a run of histories does not use --linger'],
    [['--replay', '1', '--seed', '1'], '--replay does not use --seed'],
    [['--crash-points', '--workers', '2'], '--crash-points does not use --workers'],
    [['--mutations', '--crowded'], '--mutations does not use --crowded'],
    [['--mutations', '--faults', 'none'], '--mutations does not use --faults'],
    [['--baseline', '--workers', '2'], '--baseline does not use --workers'],
    [['--economy', '--histories', '10'], '--economy does not use --histories, only: --workloads'],
    [['--economy', '--only', 'zzz'], '"zzz" is in none of these names:\noriginal\n'],
    [['--mutations', '--only', 'zzz'], '"zzz" is in none of these names:\nno second list after CLOSING\n'],
  ])('%j', async (args, sentence) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(sentence);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('prints help with exit code 0', async () => {
    expect(await run('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--crash-points') as string,
      stderr: '',
    });
  });
});

describe('a valid command line', () => {
  it('runs histories if it has no mode, with defaults for missing options', () => {
    const args = ['--crowded', '--histories', '6000', '--seed', '0', '--workers', '2'];
    expect(readCommandLine(args, recordingOutput().output)).toMatchObject({
      ...{ crowded: true, histories: 6000, seed: 0, workers: 2 },
      ...{ workloads: 10_000, linger: 30 },
    });
  });

  it.each([
    [['--replay', '3', '--faults', 'none', '--jobs', '1', '--crowded']],
    [['--crash-points', '--seed', '2']],
    [['--mutations', '--search', '--only', 'drain', '--histories', '9', '--seed', '2', '--workers', '2']],
    [['--baseline', '--histories', '9', '--seed', '2', '--faults', 'call slow', '--jobs', '2']],
    [['--economy', '--only', 'chased', '--workloads', '300', '--linger', '15', '--workers', '2']],
  ])('is accepted: %j', (args) => {
    expect(() => readCommandLine(args, recordingOutput().output)).not.toThrow();
  });

  it('ends with exit code 0 if everything holds', async () => {
    const { code, stdout } = await run('--mutations', '--only', "people's hold");
    expect(stdout).toContain('hold is heeded');
    expect(code).toBe(0);
  }, 60_000);
});

describe('the comparison with the plain chain', () => {
  const options = { seed: 1, histories: 40, faults: ['person holds' as const] };

  it('succeeds if our design has no violation', async () => {
    const { printed, output } = recordingOutput();
    expect(await reportBaseline(await bundleSimulator(), options, output)).toBe(true);
    expect(printed.join('\n')).not.toContain('VIOLATION');
  }, 60_000);

  it('fails and prints the seed if our design has a violation, because a comparison with broken code means nothing', async () => {
    const mutation = MUTATIONS.find(({ name }) => name === "people's hold is not heeded");
    const { printed, output } = recordingOutput();
    expect(await reportBaseline(await bundleSimulator(mutation), options, output)).toBe(false);
    expect(printed.join('\n')).toMatch(/VIOLATION in seed \d+, faults: hold is heeded/);
  }, 60_000);
});
