import { golden, keepMachineOut, run } from './run';

keepMachineOut();

const COMMANDS = [
  ...['local', 'submit', 'status', 'plan', 'env', 'list', 'results', 'logs', 'audit', 'report', 'estimate'],
  ...['pause', 'resume', 'hold', 'release', 'warm', 'retry', 'doctor', 'complete'],
];

const seen = async (...args: string[]) => golden(await run(undefined, args));

// The help of every other command is in the snapshot of commands/command-line.test.ts.
it.each(['resume', 'hold', 'release'])('help of %s', async (command) => {
  expect(await seen('help', command)).toMatchSnapshot();
});

it.each(COMMANDS)('%s --help prints what help %s prints', async (command) => {
  const asked = await seen(command, '--help');
  expect(asked).toContain(`Usage: lamplighter ${command}`);
  expect(asked).toBe(await seen('help', command));
});

describe('an option or a command that there is not', () => {
  it.each([['--bogus'], ['bogus'], ['statu']])('lamplighter %s', async (word) => {
    expect(await seen(word)).toMatchSnapshot();
  });

  it.each(COMMANDS.filter((name) => name !== 'complete'))('%s --bogus', async (command) => {
    expect(await seen(command, '--bogus')).toBe(await seen('--bogus'));
  });

  it.each([[[]], [['help', 'bogus']]])('lamplighter %j prints the help, as trouble', async (args) => {
    const { stdout } = await run(undefined, ['--help']);
    expect(await run(undefined, args)).toEqual({ code: 2, stdout: '', stderr: stdout });
  });
});

describe('arguments and values that cannot be used', () => {
  it.each([
    ...['local --port 80', 'local --port 8080x', 'local --port', 'local --timings x', 'local --onec'],
    ...[
      'submit',
      'submit a.csv --cloud mars',
      'submit a.csv --prefix',
      'submit a.csv --model',
      'submit --wait',
    ],
    ...['status what', 'status --cloud mars', 'status --region', 'status --jsno'],
    ...['plan what', 'plan --cloud mars', 'plan --markdown', 'plan --pipeline', 'plan --region eu-west-1'],
    ...['doctor what', 'doctor --uploads all', 'doctor --hours 0', 'doctor --cloud mars'],
    ...['list --since 7', 'list --limit 0', 'results', 'logs', 'report --since always', 'retry --since x'],
    ...['retry', 'retry abc --failed', 'audit --cloud mars', 'env what', 'estimate --jobs-per-day x'],
    ...['pause --why', 'hold --cloud mars', 'warm what'],
  ])('%s', async (line) => {
    expect(await seen(...line.split(' '))).toMatchSnapshot();
  });
});

describe('without a local cloud of this checkout', () => {
  it.each(['env', 'env --json'])('%s', async (line) => {
    expect(await seen(...line.split(' '))).toMatchSnapshot();
  });
});
