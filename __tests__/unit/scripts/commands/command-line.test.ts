import { InvalidInputError, LamplighterError } from '../../../../lifecycle/errors';
import {
  BrokenError,
  Exit,
  InterruptedError,
  MissingError,
  UsageError,
} from '../../../../scripts/console/exit';
import { explain } from '../../../../scripts/console/explain';
import { main } from '../../../../scripts/lamplighter';
import { keepMachineOut } from '../golden/run';
import { recordingTerminal } from '../stand-ins';

keepMachineOut();

async function run(...args: string[]) {
  const terminal = recordingTerminal();
  const code = await main(args, terminal);
  return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

describe('wrong arguments end with exit code 2 and a sentence that explains them', () => {
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
    [['results'], "missing required argument 'KEY|JOB'"],
    [['list', '--since', '7'], 'Use a number and a unit'],
    [['list', '--limit', '0'], 'Use a whole number from 1 to 10000.'],
    [['logs'], "missing required argument 'JOB'"],
    [['report', '--since', 'always'], 'A period is a number of hours, days or weeks'],
    [['doctor', '--uploads', 'all'], 'Use a whole number from 1 to 100000.'],
  ])('%j', async (args, sentence) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(Exit.usage);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('lamplighter --help');
    expect(stdout).toBe('');
  });

  it.each([[['retry']], [['retry', 'abc', '--failed']]])('%j: asks which jobs to retry', async (args) => {
    expect(await run(...args)).toMatchObject({
      code: Exit.usage,
      stderr: expect.stringContaining('Pass either a job or --failed') as string,
    });
  });

  it('no command: the help, on stderr', async () => {
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

  it.each([
    'local',
    'submit',
    'status',
    'plan',
    'env',
    'doctor',
    'warm',
    'retry',
    'list',
    'results',
    'logs',
    'audit',
    'report',
    'estimate',
    'pause',
    'complete',
  ])('of %s', async (command) => {
    const { code, stdout } = await run('help', command);
    expect(code).toBe(Exit.ok);
    expect(stdout).toMatchSnapshot();
  });

  it('of every command has examples with options that exist, and its exit codes', async () => {
    const { stdout: root } = await run('--help');
    const listed = root.slice(root.indexOf('Commands:'), root.indexOf('Examples:'));
    const commands = [...listed.matchAll(/^ {2}(\w+) /gm)].map(([, name = '']) => name);
    expect(commands).toEqual(expect.arrayContaining(['local', 'submit', 'env', 'complete', 'help']));
    for (const command of commands.filter((name) => name !== 'help')) {
      const { stdout } = await run('help', command);
      const [, options, examples = '', ends = ''] =
        /^Options:$([^]*)^Examples?:$([^]*)^Exit codes:$([^]*)/m.exec(stdout) ?? [command];
      const lines = examples.trim().split('\n');
      for (const line of lines) expect(line).toMatch(new RegExp(`lamplighter ${command}\\b`));
      for (const line of lines.map((one) => one.split(/ {3}|&&/)[0] ?? ''))
        for (const [option] of line.matchAll(/--[\w-]+/g)) expect(options).toContain(option);
      const codes = [...ends.matchAll(/^ {2}(\d+) +\S/gm)].map(([, code]) => Number(code));
      expect(codes).toEqual(expect.arrayContaining([Exit.ok, Exit.usage, Exit.interrupted]));
      for (const code of codes) expect(Object.values(Exit)).toContain(code);
    }
  });

  it('--version prints the version of the package', async () => {
    expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('an error ends the command with an explanation and an exit code', () => {
  const named = (name: string, message: string) => Object.assign(new Error(message), { name });

  it.each<[unknown, number, string | RegExp]>([
    [new UsageError('u'), 2, 'u'],
    [new InvalidInputError('i'), 2, 'i'],
    [new MissingError('m'), 3, 'm'],
    [new BrokenError('b'), 4, 'b'],
    [new LamplighterError('port taken'), 4, /^port taken$/],
    [new InterruptedError(), 130, 'interrupted'],
    [
      named('CredentialsProviderError', 'Could not load'),
      3,
      'No valid AWS credentials were found (Could not load)',
    ],
    [named('ExpiredTokenException', 'The security token is expired'), 3, 'have expired'],
    [named('CredentialsProviderError', 'The SSO session has expired'), 3, /expired.*aws sso login/],
    [named('RequestTimeTooSkewed', 'too large'), 3, 'clock'],
    [
      named('AuthorizationHeaderMalformed', "the region 'us-east-1' is wrong; expecting 'eu-central-1'"),
      3,
      /Pass its region: --region eu-central-1$/,
    ],
    [named('PermanentRedirect', 'elsewhere'), 3, '--region REGION'],
    [
      named(
        'AccessDenied',
        'User: arn:aws:iam::1:user/ada is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::p-data/a.csv" because',
      ),
      4,
      /^arn:aws:iam::1:user\/ada lacks the permission s3:PutObject on "arn:aws:s3:::p-data\/a\.csv" .*AWS_PROFILE/,
    ],
    [
      named('UnauthorizedOperation', 'You are not authorized to perform this operation.'),
      4,
      'a permission that AWS does not name',
    ],
    [
      Object.assign(new Error('UnknownError'), { $metadata: { httpStatusCode: 403 } }),
      4,
      /HTTP 403.*get-caller-identity/,
    ],
    [
      Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:4566'), { code: 'ECONNREFUSED' }),
      3,
      /it has stopped. Start it again: npm start/,
    ],
    [
      Object.assign(new Error('getaddrinfo ENOTFOUND ssm.eu-mars-1.amazonaws.com'), { code: 'ENOTFOUND' }),
      3,
      /AWS could not be reached .*--region/,
    ],
    [named('ThrottlingException', 'slow down'), 4, 'ThrottlingException: slow down'],
    [new Error('Region is missing'), 3, 'No AWS region is set.'],
    ['thrown text', 4, 'thrown text'],
  ])('%p', (error, exitCode, text) => {
    const explained = explain(error);
    expect(explained.exitCode).toBe(exitCode);
    expect(explained.message).toMatch(text);
  });
});

describe('shell completion', () => {
  async function complete(...args: string[]): Promise<string> {
    const printed: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
    try {
      await main(['complete', ...args], recordingTerminal());
    } finally {
      log.mockRestore();
    }
    return printed.join('\n');
  }

  it.each(['bash', 'zsh', 'fish', 'powershell'])('there is a script for %s', async (shell) => {
    expect(await complete(shell)).toMatch(/lamplighter[^]*complete/);
  });

  it('completes commands, their options, and the choices of an option', async () => {
    expect(await complete('--', 're')).toMatch(/^results\t/m);
    expect(await complete('--', 'list', '--f')).toMatch(/^--failed\t/m);
    expect(await complete('--', 'list', '--cloud', '')).toMatch(/^aws\t/m);
  });
});
