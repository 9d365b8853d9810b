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

  test('is content when every permission was used, by whichever pipeline’s role', () => {
    const { rows, problems } = judge(granted, [both, both], []);
    expect(rows.map(({ times }) => times)).toEqual([4, 2]);
    expect(problems).toEqual([]);
  });

  test('finds the permission that nothing used, unless it has a reason', () => {
    const one = record({ uses: [use('left-stop', 's3:GetObject'), use('left-trigger', 's3:ListBucket')] });
    expect(judge(granted, [one], []).problems).toEqual([
      expect.stringMatching(/^stop may s3:ListBucket \(Look\), and nothing used it/),
    ]);
    const excuse = { role: 'stop', statement: 'Look', actions: ['s3:ListBucket'], reason: 'because' };
    expect(judge(granted, [one], [excuse]).problems).toEqual([]);
  });

  test('finds the excuse for what is no longer granted', () => {
    const excuse = { role: 'stop', statement: 'Look', actions: ['s3:PutObject'], reason: 'because' };
    expect(judge(granted, [both], [excuse]).problems).toEqual([
      expect.stringContaining('which is not granted') as string,
    ]);
  });

  test('finds what a part of a pipeline was denied, and not what a test had denied', () => {
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

describe('a denial is told from one of a role that is being deleted', () => {
  const folders: string[] = [];
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

  /** Who changes what and who is denied something, in this order; returns what was excused. */
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

  test('since it lost its first policy', () => {
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

  test('a policy that is replaced excuses nothing, nor does a role that stays', () => {
    const gap = ['DeleteRolePolicy stop', 'denied stop', 'PutRolePolicy stop'];
    expect(excused(...gap, 'DeleteRole stop')).toEqual([false]);
    expect(excused('DetachRolePolicy stop', 'denied stop')).toEqual([false]);
  });

  test('a role of the same name that was made anew is another', () => {
    expect(excused('DeleteRolePolicy stop', 'DeleteRole stop', 'CreateRole stop', 'denied stop')).toEqual([
      false,
    ]);
  });
});

/** The simulator's licence (AGPL) is for the local cloud and the tests; what is deployed must do without it. */
describe('what is deployed has no part of the IAM simulator', () => {
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

  test('and the same look finds it where it is', async () => {
    expect(ofSimulator(await sourcesOf('local-cloud/iam/authorize.ts'))).not.toEqual([]);
  }, 60_000);

  test('it is no dependency of the package', () => {
    const text = readFileSync(join(PACKAGE_FOLDER, 'package.json'), 'utf8');
    const { dependencies = {}, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>;
    expect(Object.keys(dependencies).filter((name) => name.startsWith('@cloud-copilot'))).toEqual([]);
    expect(devDependencies).toHaveProperty(['@cloud-copilot/iam-simulate']);
  });
});
