import { isWildcardOnlyAction } from '@cloud-copilot/iam-simulate';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { OPERATOR, READER, REFRESHING, SENT } from '../../../support/iam-people';
import { statementsFor, tableOfCommands } from '../../../support/iam-people-policies';
import { PACKAGE_FOLDER } from '../../../../scripts/tools/project';

const read = (file: string) => readFileSync(join(PACKAGE_FOLDER, file), 'utf8');

/** A file's imports at run time: module and names. */
function importsOf(file: string): { from: string; names: string[] }[] {
  const found = read(file).matchAll(/^(?:import|export) (?!type )([^;]*?) from '([^']+)'/gms);
  return [...found].map(([, what = '', from = '']) => {
    const names = what.replace(/[{}]/g, '').split(',');
    return {
      from,
      names: names.map((name) => name.trim()).filter((name) => name !== '' && !/^type /.test(name)),
    };
  });
}

/** The AWS calls that a file can send. */
function callsIn(file: string): string[] {
  const ofSdk = importsOf(file).filter(({ from }) => from.startsWith('@aws-sdk/'));
  return ofSdk.flatMap(({ names }) =>
    names.filter((name) => !/^[A-Z]\w*Client$/.test(name)).map((name) => name.replace(/Command$/, '')),
  );
}

/** All files of this project that the entries import, directly or not, without the local cloud's. */
function reachedFrom(entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || file.startsWith('local-cloud/')) return;
    reached.add(file);
    for (const { from } of importsOf(file).filter(
      ({ from: path, names }) => path.startsWith('.') && names.length > 0,
    )) {
      const path = relative(PACKAGE_FOLDER, join(PACKAGE_FOLDER, dirname(file), `${from}.ts`));
      if (existsSync(join(PACKAGE_FOLDER, path))) visit(path);
    }
  };
  for (const entry of entries) visit(entry);
  return reached;
}

const scripts = readdirSync(join(PACKAGE_FOLDER, 'scripts'), { recursive: true, encoding: 'utf8' })
  .map((name) => `scripts/${name}`)
  .filter((name) => name.endsWith('.ts') && !name.startsWith('scripts/iam/'));

const key = ({ file, call }: { file: string; call: string }) => `${file} ${call}`;
const sorted = (texts: Iterable<string>) => [...new Set(texts)].sort();

describe('people’s permissions match the code’s AWS calls', () => {
  it('the list has each call that the command line can send, and no other', () => {
    const files = [...reachedFrom(scripts)].filter((file) => /^(scripts|lifecycle)\//.test(file));
    expect(files).toEqual(expect.arrayContaining(['lifecycle/store.ts', 'lifecycle/instance.ts']));
    const sent = files.flatMap((file) => callsIn(file).map((call) => key({ file, call })));
    expect(sorted(SENT.map(key))).toEqual(sorted(sent));
  });

  it('a call that is imported is also sent', () => {
    for (const { file, call } of SENT)
      expect(read(file)).toMatch(new RegExp(`new ${call}${call === 'Upload' ? '' : 'Command'}\\(`));
  });

  const handle = 'scripts/pipeline/connect.ts';
  /** The reason why a job waits needs only one of the doctor's files, not these. */
  const otherReaders = ['scripts/doctor/read-failed-events.ts', 'scripts/pipeline/list-uploads.ts'];
  it.each<[string, readonly string[], (readonly string[])?]>([
    ['status', ['scripts/commands/status/status.ts', 'scripts/commands/status/watch.ts']],
    ['submit', ['scripts/commands/submit/submit.ts'], otherReaders],
    ['list', ['scripts/pipeline/list-jobs.ts', handle]],
    ['results', ['scripts/pipeline/resolve-receipt.ts', 'scripts/pipeline/results.ts', handle]],
    ['logs', ['scripts/pipeline/job-logs.ts', 'scripts/pipeline/find-job.ts', handle]],
    ['audit', ['scripts/pipeline/audit.ts', handle]],
    ['doctor', ['scripts/commands/doctor.ts']],
    ['report', ['scripts/commands/report.ts']],
    ['pause resume hold release warm', ['scripts/pipeline/orders.ts', handle]],
    ['retry', ['scripts/pipeline/retry.ts', 'scripts/pipeline/retry-failed.ts', handle]],
    ['estimate', ['scripts/commands/estimate/command.ts']],
  ])('the calls of %s are those of the files that it imports', (commands, entries, idle = []) => {
    const isOne = (command: string) => commands.split(' ').includes(command.split(' ')[0] ?? '');
    const reached = reachedFrom(entries);
    const own = SENT.filter(({ by }) => by.some(isOne));
    for (const { file } of own) expect([...reached]).toContain(file);
    // A lifecycle file has calls of the functions too, so only files of scripts/ are compared.
    const inScripts = (file: string) => file.startsWith('scripts/');
    const sending = [...reached].filter((file) => callsIn(file).length > 0 && !idle.includes(file));
    expect(sorted(own.map(({ file }) => file).filter(inScripts))).toEqual(sorted(sending.filter(inScripts)));
  });
});

describe('docs/SECURITY.md', () => {
  const [, section = ''] = /^## What people need$([^]*?)^## /m.exec(read('docs/SECURITY.md')) ?? [];
  const named = { pipeline: 'PIPELINE', region: 'REGION', account: 'ACCOUNT' };
  const policies = [...section.matchAll(/^```json$([^]*?)^```$/gm)].map(
    ([, text = '']) => JSON.parse(text) as unknown,
  );
  const policy = (Statement: unknown) => ({ Version: '2012-10-17', Statement });

  it('lists the permissions of each command', () => {
    const rows = [...section.matchAll(/^\| (`[^|]+`) +\| ([^|]+?) +\|$/gm)].map(([, a, b]) => [a?.trim(), b]);
    expect(rows).toEqual(tableOfCommands());
  });

  it('has a reader’s policy with these permissions only', () => {
    expect(policies[0]).toEqual(policy(statementsFor(READER, named)));
  });

  it('has the additional policy of an operator', () => {
    expect(policies.slice(1)).toEqual([policy(statementsFor(OPERATOR, named, READER))]);
  });
});

it('a reader’s policy changes nothing', () => {
  const place = { pipeline: 'p', region: 'r', account: '1' };
  for (const { Action } of statementsFor(READER, place))
    for (const action of Action) expect(action).toMatch(/:(Get|List|Describe|Filter|Receive)[A-Z]/);
  const actions = statementsFor(OPERATOR, place).flatMap(({ Action }) => Action);
  expect(actions).toEqual(
    expect.arrayContaining(['s3:PutObject', 'ec2:StartInstances', 'lambda:InvokeFunction']),
  );
  for (const action of ['s3:DeleteObject', 'ec2:StopInstances', 'ssm:SendCommand', 'pricing:GetProducts'])
    expect(actions).not.toContain(action);
  expect(REFRESHING).toBe('estimate --refresh-prices');
});

it('each action exists in AWS, and has the resource `*` only if AWS supports no other', async () => {
  const place = { pipeline: 'p', region: 'r', account: '1' };
  for (const { Action, Resource } of statementsFor([...OPERATOR, REFRESHING], place))
    for (const action of Action) {
      const [service = '', operation = ''] = action.split(':');
      const isUnbounded = await isWildcardOnlyAction(service, operation);
      expect({ action, isUnbounded }).toEqual({ action, isUnbounded: Resource.includes('*') });
    }
});
