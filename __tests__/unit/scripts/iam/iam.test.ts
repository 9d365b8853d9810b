import { build } from 'esbuild';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Granted } from '../../../../scripts/iam/granted';
import { judge } from '../../../../scripts/iam/judge';
import { Decisions, type IamRecord } from '../../../../local-cloud/iam/record';
import { PACKAGE_FOLDER } from '../../../../scripts/tools/project';

const granted: Granted[] = [
  { role: 'stop', statement: 'Look', effect: 'Allow', action: 's3:GetObject', resources: ['arn'] },
  { role: 'stop', statement: 'Look', effect: 'Allow', action: 's3:ListBucket', resources: ['arn'] },
];

const record = (parts: Partial<IamRecord>): IamRecord => ({
  uses: [],
  denials: [],
  operatorCalls: {},
  decisionMs: [],
  ...parts,
});

const use = (role: string, action: string, times = 1) => ({
  role,
  action,
  times,
  policy: 'permissions',
  statement: 'Look',
});

describe('npm run iam', () => {
  const both = record({ uses: [use('left-stop', 's3:GetObject', 2), use('right-stop', 's3:ListBucket')] });

  test('has no problems if each permission was used by a role of any pipeline', () => {
    const { rows, problems } = judge(granted, [both, both], []);
    expect(rows.map(({ times }) => times)).toEqual([4, 2]);
    expect(problems).toEqual([]);
  });

  test('finds a permission that no test used and that has no reason', () => {
    const one = record({ uses: [use('left-stop', 's3:GetObject'), use('left-trigger', 's3:ListBucket')] });
    expect(judge(granted, [one], []).problems).toEqual([
      expect.stringMatching(/^stop may s3:ListBucket \(Look\), and nothing used it/),
    ]);
    const excuse = { role: 'stop', statement: 'Look', actions: ['s3:ListBucket'], reason: 'because' };
    expect(judge(granted, [one], [excuse]).problems).toEqual([]);
  });

  test('finds a reason for a permission that is no longer granted', () => {
    const excuse = { role: 'stop', statement: 'Look', actions: ['s3:PutObject'], reason: 'because' };
    expect(judge(granted, [both], [excuse]).problems).toEqual([
      expect.stringContaining('which is not granted') as string,
    ]);
  });

  test('finds a denial of a pipeline’s part, and not a denial that a test provoked', () => {
    const denial = {
      role: 'left-stop',
      action: 's3:PutObject',
      resource: 'arn',
      message: 'User: …',
      byHand: false,
      ofDeletedRole: false,
    };
    const problems = (change: Partial<typeof denial>) =>
      judge(granted, [both, record({ denials: [{ ...denial, ...change }] })], []).problems;
    expect(problems({})).toEqual(['denied, though no test asked for it: User: …']);
    expect(problems({ byHand: true })).toEqual([]);
    expect(problems({ ofDeletedRole: true })).toEqual([]);
    expect(problems({ role: 'echo-role' })).toEqual([]);
  });
});

describe('a denial of a role that is being deleted is excused', () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

  /** Records changes of roles and denials in this order. Returns the excused denials. */
  const excused = (...happened: string[]) => {
    const decisions = new Decisions();
    for (const each of happened) {
      const [operation = '', role = ''] = each.split(' ');
      if (operation === 'denied') {
        decisions.denied({ role, action: 's3:GetObject', resource: 'arn', message: each, byHand: false });
      } else {
        decisions.roleChanges(operation, role);
      }
    }
    const folder = mkdtempSync(join(tmpdir(), 'iam-records-'));
    folders.push(folder);
    decisions.write(folder);
    const [name] = readdirSync(folder);
    const { denials } = JSON.parse(readFileSync(join(folder, name!), 'utf8')) as IamRecord;
    return denials.map(({ ofDeletedRole }) => ofDeletedRole);
  };

  test('from the loss of its first policy on', () => {
    const destroyed = [
      'DeleteRolePolicy stop',
      'DeleteRolePolicy stop',
      'DeleteRole stop',
      'DeleteRole stop',
    ];
    const [first = '', ...rest] = destroyed;
    expect(excused('denied stop', ...destroyed, 'denied stop')).toEqual([false, true]);
    expect(excused(first, 'denied stop', 'denied trigger', ...rest)).toEqual([true, false]);
  });

  test('but not of a role that keeps its policies, or whose policy is replaced', () => {
    const gap = ['DeleteRolePolicy stop', 'denied stop', 'PutRolePolicy stop'];
    expect(excused(...gap, 'DeleteRole stop')).toEqual([false]);
    expect(excused('DetachRolePolicy stop', 'denied stop')).toEqual([false]);
  });

  test('but not of a new role of the same name', () => {
    expect(excused('DeleteRolePolicy stop', 'DeleteRole stop', 'CreateRole stop', 'denied stop')).toEqual([
      false,
    ]);
  });
});

/** The IAM simulator is under the AGPL. The local cloud and the tests may use it; deployed code must not. */
describe('deployed code does not contain the IAM simulator', () => {
  const sourcesOf = async (entry: string) => {
    const { metafile } = await build({
      entryPoints: [join(PACKAGE_FOLDER, entry)],
      absWorkingDir: PACKAGE_FOLDER,
      bundle: true,
      platform: 'node',
      packages: 'bundle',
      external: ['esbuild'],
      write: false,
      metafile: true,
      logLevel: 'silent',
      outfile: 'bundle.js',
    });
    return Object.keys(metafile.inputs);
  };
  const ofSimulator = (sources: string[]) => sources.filter((source) => source.includes('@cloud-copilot'));

  test.each([
    'handlers/trigger.ts',
    'handlers/worker.ts',
    'handlers/stop.ts',
    'runner/main.ts',
    'local-cloud/lambda/function-bootstrap.ts',
    'local-cloud/machine/sandbox-aws.ts',
  ])(
    '%s',
    async (entry) => {
      expect(ofSimulator(await sourcesOf(entry))).toEqual([]);
    },
    60_000,
  );

  test('and the same search finds it in the local cloud', async () => {
    expect(ofSimulator(await sourcesOf('local-cloud/iam/authorize.ts'))).not.toEqual([]);
  }, 60_000);

  test('the package does not depend on it', () => {
    const text = readFileSync(join(PACKAGE_FOLDER, 'package.json'), 'utf8');
    const { dependencies = {}, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>;
    expect(Object.keys(dependencies).filter((name) => name.startsWith('@cloud-copilot'))).toEqual([]);
    expect(devDependencies).toHaveProperty(['@cloud-copilot/iam-simulate']);
  });
});
