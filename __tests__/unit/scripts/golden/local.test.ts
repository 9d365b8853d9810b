import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { BrokenError, MissingError } from '../../../../scripts/console/exit';
import { LamplighterError } from '../../../../lifecycle/errors';
import type * as interruptModule from '../../../../scripts/console/interrupt';
import { folder } from './folder';
import { ScriptedCloud } from './scripted-cloud';
import { golden, interrupt, keepMachineOut, run } from './run';
import { LocalRun } from '../../../../local-cloud/local-run';

let mockCloud: ScriptedCloud;
jest.mock('../../../../scripts/tools/provide', () => ({
  provideTools: (options: Parameters<ScriptedCloud['provideTools']>[0]) => mockCloud.provideTools(options),
}));
jest.mock('../../../../local-cloud/cloud', () => ({
  ...jest.requireActual<object>('../../../../local-cloud/cloud'),
  startLocalCloud: (options: Parameters<ScriptedCloud['startLocalCloud']>[0]) =>
    mockCloud.startLocalCloud(options),
}));
jest.mock('../../../../local-cloud/deploy', () => ({
  ...jest.requireActual<object>('../../../../local-cloud/deploy'),
  deployToLocalCloud: (options: Parameters<ScriptedCloud['deployToLocalCloud']>[0]) =>
    mockCloud.deployToLocalCloud(options),
  synthesizeForLocalCloud: () => Promise.resolve(),
  keepDeployment: () => Promise.resolve(),
}));
// Waiting between two looks takes no time.
jest.mock('../../../../scripts/console/interrupt', () => {
  const actual = jest.requireActual<typeof interruptModule>('../../../../scripts/console/interrupt');
  return { ...actual, pause: (_: number, signal: AbortSignal) => actual.pause(1, signal) };
});

keepMachineOut();

beforeEach(() => {
  mockCloud = new ScriptedCloud();
  rmSync(join(folder, 'local'), { recursive: true, force: true });
});

afterEach(() => void jest.restoreAllMocks());

async function local(line: string, options?: Parameters<typeof run>[2]): Promise<string> {
  return golden(await run(mockCloud.place, ['local', ...line.split(' ')], options));
}

describe.each([
  ['for people', ''],
  ['as lines of JSON', ' --json'],
])('local --once, %s', (_name, json) => {
  it('from the start to the end: a job that succeeds', async () => {
    mockCloud.jobComesAlong('patients.csv');
    expect(await local(`--once patients.csv${json}`)).toMatchSnapshot();
  });

  it('two jobs, one of which fails', async () => {
    mockCloud.jobComesAlong('patients.csv', 'fails');
    mockCloud.jobComesAlong('others.csv');
    expect(await local(`--once patients.csv others.csv${json}`)).toMatchSnapshot();
  });

  it('Ctrl-C, twice, while the pipeline is deployed', async () => {
    mockCloud.whileDeployed = () => {
      interrupt();
      interrupt();
    };
    expect(await local(`--once patients.csv${json}`)).toMatchSnapshot();
  });

  it.each([
    ['tools', new MissingError('Lamplighter runs Terraform on Linux and macOS')],
    ['cloud', new LamplighterError('port 4566 is taken')],
    ['deploy', new BrokenError('terraform apply failed:\nError: creating S3 Bucket')],
  ] as const)('what breaks: %s', async (step, error) => {
    mockCloud.fails[step] = error;
    expect(await local(`--once patients.csv${json}`)).toMatchSnapshot();
  });

  it('a cloud that cannot be taken down in whole', async () => {
    mockCloud.fails.deploy = new BrokenError('terraform apply failed');
    mockCloud.fails.stop = new Error('The local cloud did not stop cleanly.');
    expect(await local(`--once patients.csv${json}`)).toMatchSnapshot();
  });

  it.each(['gone.csv', 'image.png', 'patients.csv --pipeline q'])('%s', async (line) => {
    expect(await local(`--once ${line}${json}`)).toMatchSnapshot();
  });

  it('a local cloud of this checkout runs already', async () => {
    jest.setSystemTime(mockCloud.place.account.clock.now());
    const other = await LocalRun.begin(join(folder, 'local'));
    expect(await local(`--once patients.csv${json}`)).toMatchSnapshot();
    await other.end();
  });

  it('without --once: the page, how to use it, and the end by Ctrl-C', async () => {
    mockCloud.jobComesAlong('patients.csv');
    const onLine = (text: string) => {
      if (text.includes('Deploy your changes')) setTimeout(interrupt, 1);
    };
    expect(await local(`patients.csv${json}`, { onLine })).toMatchSnapshot();
  });
});

it('local --once on 60 columns', async () => {
  mockCloud.jobComesAlong('patients.csv');
  expect(await local('--once patients.csv', { columns: 60 })).toMatchSnapshot();
});

it('local --once without a file uploads the sample', async () => {
  mockCloud.jobComesAlong('patients.csv');
  expect(await local('--once')).toMatch(/upload {5}\S*models\/breast-cancer\/samples\/patients\.csv \(/);
});
