import { InvalidInputError, LamplighterError } from '../../../lifecycle/errors';
import { BrokenError, Exit, InterruptedError, MissingError, UsageError } from '../../../scripts/exit';
import { explain, main } from '../../../scripts/lamplighter';
import { recordingTerminal } from './stand-ins';

async function run(...args: string[]) {
  const terminal = recordingTerminal();
  const code = await main(args, terminal);
  return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

describe('arguments that cannot be used end in exit code 2 and a sentence', () => {
  it.each([
    [['bogus'], "unknown command 'bogus'"],
    [['local', '--port', '99'], 'A port is a whole number from 1024 to 65535.'],
    [['local', '--port', '8080x'], 'A port is a whole number'],
    [['local', '--timings', 'slow'], 'Allowed choices are people, tests, real.'],
    [['local', '--onec'], "unknown option '--onec'"],
    [['submit'], "missing required argument 'FILE'"],
    [['submit', 'a.csv', '--cloud', 'moon'], 'Allowed choices are local, aws.'],
    [['submit', 'a.csv', '--prefix'], "option '--prefix <P>' argument missing"],
    [['status', 'what'], 'too many arguments'],
    [['plan', '--cloud', 'moon'], 'Allowed choices are local, aws.'],
    [['retry'], "missing required argument 'JOB'"],
    [['report', '--since', 'always'], 'A period is a number of hours, days or weeks'],
    [['doctor', '--uploads', 'all'], 'It is a whole number from 1 to 100000.'],
  ])('%j', async (args, sentence) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(Exit.usage);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('lamplighter --help');
    expect(stdout).toBe('');
  });

  it('no command: the help, as trouble', async () => {
    const { code, stdout, stderr } = await run();
    expect(code).toBe(Exit.usage);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: lamplighter');
  });
});

describe('help', () => {
  it('is no error, and documents examples and exit codes', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(Exit.ok);
    expect(stdout).toMatchSnapshot();
  });

  it.each(['local', 'submit', 'status', 'plan', 'env', 'doctor', 'report', 'warm', 'retry'])(
    'of %s',
    async (command) => {
      const { code, stdout } = await run('help', command);
      expect(code).toBe(Exit.ok);
      expect(stdout).toMatchSnapshot();
    },
  );

  it('the version is the package’s', async () => {
    expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('what goes wrong is told in words, and by the exit code', () => {
  const named = (name: string, message: string) => Object.assign(new Error(message), { name });

  it.each([
    [new UsageError('u'), 2, 'u'],
    [new InvalidInputError('i'), 2, 'i'],
    [new MissingError('m'), 3, 'm'],
    [new BrokenError('b'), 4, 'b'],
    [new LamplighterError('port taken'), 4, /^port taken$/],
    [new InterruptedError(), 130, 'interrupted'],
    [
      named('CredentialsProviderError', 'Could not load'),
      3,
      'AWS does not know who you are (Could not load)',
    ],
    [named('AccessDenied', 'not you'), 4, 'AccessDenied: not you'],
    [new Error('Region is missing'), 3, 'Which AWS region?'],
    ['thrown text', 4, 'thrown text'],
  ])('%p', (error, exitCode, text) => {
    const explained = explain(error);
    expect(explained.exitCode).toBe(exitCode);
    expect(explained.message).toMatch(text);
  });
});
