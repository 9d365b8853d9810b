import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { script } from '../stand-ins';
import { folder } from './folder';
import { golden, interrupt, keepMachineOut, run } from './run';

keepMachineOut();

// What they print of a pipeline at work, and of one that has never run, is in golden.test.ts.

describe('status --watch: a picture whenever something has changed, until Ctrl-C', () => {
  /** The instance starts, then the gate opens, then the user has seen enough. */
  function changing() {
    const place = new InMemoryPipeline();
    const { account } = place;
    const looks = [
      () => undefined,
      () => undefined,
      () => {
        account.state = 'running';
        account.launchTime = new Date(Date.now() - 60_000);
      },
      () => account.setGate('OPEN', 5),
      interrupt,
    ];
    account.meanwhile.set('DescribeInstances', () => looks.shift()?.());
    return place;
  }

  it.each([
    ['for people', ['status', '--watch'], undefined],
    ['as lines of JSON', ['status', '--watch', '--json'], undefined],
    ['on a terminal', ['status', '--watch'], 60],
  ])('%s', async (_name, args, columns) => {
    expect(golden(await run(changing(), args, { columns }))).toMatchSnapshot();
  });
});

describe('with instructions that go nowhere', () => {
  it.each([
    ...['status --pipeline q', 'status --pipeline q --json', 'status --watch --pipeline q'],
    ...['doctor --pipeline q', 'doctor --pipeline q --json'],
  ])('%s', async (line) => {
    expect(golden(await run(new InMemoryPipeline(), line.split(' ')))).toMatchSnapshot();
  });
});

describe('doctor', () => {
  it.each([
    ['for people', []],
    ['as JSON', ['--json']],
    ['fewer uploads, failures of longer ago', ['--uploads', '1', '--hours', '48', '--json']],
  ])('of a pipeline that has been without a sweep for 40 hours: %s', async (_name, more) => {
    const place = new InMemoryPipeline();
    place.ended('in/a.csv');
    place.failed('in/b.csv');
    place.passMinutes(40 * 60);
    expect(golden(await run(place, ['doctor', ...more]))).toMatchSnapshot();
  });

  it.each([[[]], [['--json']]])('what it may not look at: %j', async (more) => {
    const place = new InMemoryPipeline();
    const error = Object.assign(new Error('You are not authorized'), { name: 'AccessDenied' });
    const logs = { send: () => Promise.reject(error) };
    Object.assign(place.handle.target.clients, { sqs: logs, lambda: logs });
    expect(golden(await run(place, ['doctor', ...more]))).toMatchSnapshot();
  });
});

describe('doctor --plan', () => {
  const output = join(folder, 'terraform');
  const before = { ...process.env };
  beforeAll(() => Object.assign(process.env, { CDKTF_OUTPUT: output }));
  afterAll(() => {
    for (const name of ['CDKTF_OUTPUT', 'TERRAFORM_BINARY_NAME'])
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
  });

  const asked = async (...more: string[]) =>
    golden(await run(new InMemoryPipeline(), ['doctor', '--plan', ...more]));

  it('from a checkout that nothing was deployed from', async () => {
    expect(await asked()).toMatchSnapshot();
    expect(await asked('--json')).toMatchSnapshot();
  });

  it.each([
    ['nothing differs', ['exit 0']],
    ['something differs', ['echo "Plan: 1 to add, 2 to change, 0 to destroy."', 'exit 2']],
    ['only outputs differ', ['exit 2']],
    ['Terraform breaks', ['echo "Error: no state" >&2', 'exit 1']],
  ])('%s', async (_name, lines) => {
    const stack = join(output, 'stacks', 'p');
    mkdirSync(stack, { recursive: true });
    writeFileSync(join(stack, 'cdk.tf.json'), '{}');
    process.env.TERRAFORM_BINARY_NAME = script(join(folder, 'terraform.sh'), ...lines);
    expect(await asked()).toMatchSnapshot();
    if (lines.length > 1) expect(await asked('--json')).toMatchSnapshot();
  });
});
