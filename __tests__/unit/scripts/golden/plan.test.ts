import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openKey } from '../../../../lifecycle/job';
import type { ChildEnd, ChildOptions } from '../../../../scripts/tools/children';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { folder } from './folder';
import { golden, keepMachineOut, run } from './run';
// Behind ./run, which says where the local cloud's folder is.
import { LocalRun } from '../../../../local-cloud/local-run';

type RunChild = (program: string, args: readonly string[], options: ChildOptions) => Promise<ChildEnd>;
let mockRunChild: RunChild;
jest.mock('../../../../scripts/tools/children', () => ({
  Children: class {
    run = (...all: Parameters<RunChild>) => mockRunChild(...all);
    endAll = () => Promise.resolve();
  },
}));
jest.mock('../../../../scripts/tools/provide', () => ({
  provideTerraformTools: () =>
    Promise.resolve({
      terraform: { program: 'terraform', version: '1.11.4', from: 'PATH' },
      ...{ variables: {}, text: 'from the registry' },
    }),
}));

keepMachineOut();

interface Plan {
  readonly resource_changes: { change: { actions: string[]; before: unknown; after: unknown } }[];
}

interface Recorded {
  readonly plan: Plan;
  readonly configuration: unknown;
}

function recorded(name: 'fresh' | 'settings'): Recorded {
  const file = join(__dirname, '..', '..', '..', 'fixtures', 'plans', `${name}.json`);
  return JSON.parse(readFileSync(file, 'utf8')) as Recorded;
}

/** What is deployed is destroyed. */
function destroyed(): Recorded {
  const { plan, configuration } = recorded('settings');
  for (const { change } of plan.resource_changes)
    Object.assign(change, { actions: ['delete'], after: null, after_unknown: {}, after_sensitive: false });
  return { plan, configuration };
}

/** Nothing differs. */
function unchanged(): Recorded {
  const { plan, configuration } = recorded('settings');
  for (const { change } of plan.resource_changes)
    Object.assign(change, { actions: ['no-op'], after: change.before, after_unknown: {} });
  return { plan: { ...plan, output_changes: {} } as Plan, configuration };
}

const OUTPUT = join(folder, 'terraform');
const STACK = 'breast-cancer';
const ok = (stdout = ''): ChildEnd => ({ code: 0, stdout, tail: '' });
const broken = (tail: string): ChildEnd => ({ code: 1, stdout: '', tail });

/** Synthesis and Terraform, as the recorded plan has them. `fails` says which step fails, and how. */
function terraformOf(made: Recorded, fails: Readonly<Record<string, string>> = {}): RunChild {
  return (program, args) => {
    const step = program === 'terraform' ? (args[0] ?? '') : 'synth';
    const tail = fails[step];
    if (tail !== undefined) return Promise.resolve(broken(tail));
    if (step === 'show') return Promise.resolve(ok(JSON.stringify(made.plan)));
    if (step === 'synth') {
      const workingDirectory = join('stacks', STACK);
      mkdirSync(join(OUTPUT, workingDirectory), { recursive: true });
      const stacks = { [STACK]: { name: STACK, workingDirectory } };
      writeFileSync(join(OUTPUT, 'manifest.json'), JSON.stringify({ stacks }));
      const configuration = JSON.stringify(made.configuration);
      writeFileSync(join(OUTPUT, workingDirectory, 'cdk.tf.json'), configuration);
    }
    return Promise.resolve(ok());
  };
}

afterEach(() => rmSync(OUTPUT, { recursive: true, force: true }));

const beginRun = () => LocalRun.begin(join(folder, 'local'));

/** The recorded pipeline's ledger. */
const CONTROL = 'puppets-control-123456789012-eu-central-1';

interface Options {
  readonly open?: number;
  readonly columns?: number;
}

/** What `lamplighter plan` prints in a local cloud with so many open jobs. */
async function planned(child: RunChild, line = '', { open = 0, columns }: Options = {}): Promise<string> {
  mockRunChild = child;
  const local = await beginRun();
  local.announce({ CDKTF_OUTPUT: OUTPUT });
  const place = new InMemoryPipeline();
  for (let count = 0; count < open; count += 1) {
    const record = place.account.openJob(`${count}.csv`);
    place.account.s3.put(CONTROL, openKey(record.jobId), JSON.stringify(record));
  }
  const args = ['plan', ...line.split(' ').filter((word) => word !== '')];
  const seen = await run(place, args, { columns });
  await local.end();
  return golden(seen);
}

describe('plan', () => {
  it.each(['', '--json'])('of a first deploy %s', async (line) => {
    expect(await planned(terraformOf(recorded('fresh')), line)).toMatchSnapshot();
  });

  it.each(['', '--json'])('of changed settings, no job is open %s', async (line) => {
    expect(await planned(terraformOf(recorded('settings')), line)).toMatchSnapshot();
  });

  it.each(['', '--json'])('of nothing %s', async (line) => {
    expect(await planned(terraformOf(unchanged()), line)).toMatchSnapshot();
  });

  it('writes the page as Markdown, too', async () => {
    const line = '--markdown page.md';
    const made = recorded('settings');
    expect(await planned(terraformOf(made), line)).toBe(await planned(terraformOf(made)));
    expect(readFileSync(join(folder, 'page.md'), 'utf8')).toMatchSnapshot();
  });

  it('on 50 columns', async () => {
    expect(await planned(terraformOf(recorded('settings')), '', { columns: 50 })).toMatchSnapshot();
  });

  it('to AWS, from where cdktf deploys', async () => {
    mockRunChild = terraformOf(recorded('settings'));
    const place = new InMemoryPipeline();
    Object.assign(place.handle.target, { cloud: 'aws' });
    const before = process.env.CDKTF_OUTPUT;
    process.env.CDKTF_OUTPUT = OUTPUT;
    const seen = await run(place, ['plan', '--cloud', 'aws']);
    if (before === undefined) delete process.env.CDKTF_OUTPUT;
    else process.env.CDKTF_OUTPUT = before;
    expect(golden(seen)).toMatchSnapshot();
  });
});

describe('plan ends in exit code 2', () => {
  it.each(['', '--json', '--markdown refused.md', '--allow-interruption'])(
    'when the instance would be stopped while jobs are open, unless that is allowed %s',
    async (line) => {
      const seen = await planned(terraformOf(recorded('settings')), line, { open: 2 });
      expect(seen.endsWith(line === '--allow-interruption' ? 'code 0' : 'code 2')).toBe(true);
      expect(seen).toMatchSnapshot();
    },
  );

  it.each(['', '--json', '--allow-data-loss', '--allow-data-loss --allow-interruption'])(
    'when what holds data would be destroyed, unless that is allowed: --destroy %s',
    async (line) => {
      expect(await planned(terraformOf(destroyed()), `--destroy ${line}`, { open: 1 })).toMatchSnapshot();
    },
  );

  it.each(['', '--json'])('when Terraform itself does not destroy it: --destroy %s', async (line) => {
    const text = ['Error: Instance cannot be destroyed', '', 'Resource aws_s3_bucket.data has'];
    const tail = [...text, 'lifecycle.prevent_destroy set, but the plan calls for', 'this'].join('\n');
    expect(await planned(terraformOf(destroyed(), { plan: tail }), `--destroy ${line}`)).toMatchSnapshot();
  });

  it.each(['--pipeline q', '--markdown none/page.md'])('%s', async (line) => {
    expect(await planned(terraformOf(recorded('settings')), line)).toMatchSnapshot();
  });
});

describe('plan says what broke', () => {
  it.each([
    ['the synthesis', { synth: 'main.ts:3\nSyntaxError: unexpected token' }],
    ['terraform init', { init: 'Warning: long\n\nError: Failed to query available provider packages' }],
    ['terraform plan', { plan: 'Error: no valid credential sources found' }],
    ['terraform show', { show: 'no error at all' }],
  ])('%s', async (_name, fails) => {
    expect(await planned(terraformOf(recorded('fresh'), fails))).toMatchSnapshot();
    expect(await planned(terraformOf(recorded('fresh'), fails), '--json')).toMatchSnapshot();
  });

  it('no local cloud runs, or it is not set up yet', async () => {
    expect(golden(await run(new InMemoryPipeline(), ['plan']))).toMatchSnapshot();
    const local = await beginRun();
    expect(golden(await run(new InMemoryPipeline(), ['plan', '--json']))).toMatchSnapshot();
    await local.end();
  });
});
