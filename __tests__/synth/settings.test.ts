import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidInputError } from '../../lifecycle/errors';
import { readPipelines } from '../../modules/settings';
import { projectPipelines, PROJECT, temporaryFolder, writeFiles, writeModel } from '../support/synth';

const project = temporaryFolder();
writeModel(join(project, 'echo'), { name: 'echo' });
writeModel(join(project, 'second-echo'), { name: 'echo', takes: { prefix: 'second/' } });
writeModel(join(project, 'csv'), { name: 'csv', takes: { suffixes: ['.csv'] } });
writeModel(join(project, 'data-csv'), { name: 'data-csv', takes: { suffixes: ['data.CSV', '.txt'] } });
writeModel(join(project, 'png'), { name: 'png', takes: { suffixes: ['.png'] } });
writeModel(join(project, 'below'), { name: 'below', takes: { prefix: 'below/' } });
writeModel(join(project, 'boundless'), { name: 'boundless', maxInterruptions: 0 });
writeModel(join(project, 'typo'), { name: 'typo', timeLimit: 3 });
writeFiles(join(project, 'no-card'), { run: '' });
writeFiles(join(project, 'not-json'), { 'model.json': '{', run: '' });
writeFiles(join(project, 'no-run'), { 'model.json': '{"name":"no-run"}' });
writeModel(join(project, 'plain-run'), { name: 'plain-run' });
chmodSync(join(project, 'plain-run', 'run'), 0o644);
writeModel(join(project, 'plain-setup'), { name: 'plain-setup' });
writeFiles(join(project, 'plain-setup'), { setup: '#!/bin/sh\n' });
writeModel(join(project, 'link'), { name: 'link' });
symlinkSync('/etc/hosts', join(project, 'link', 'hosts'));
for (let index = 0; index < 9; index += 1) {
  const name = `long-${index}`;
  writeModel(join(project, name), { name, takes: { prefix: `${index}${'x'.repeat(400)}` } });
}

const valid = { name: 'scans', models: ['echo'] };

test("the project's own settings are usable", () => {
  expect(projectPipelines().length).toBeGreaterThan(0);
});

test('a pipeline needs only a name and a model', () => {
  expect(readPipelines([valid], project)).toEqual([
    {
      alarms: true,
      phaseTag: true,
      alarmEmails: [],
      name: 'scans',
      region: 'eu-central-1',
      models: [expect.objectContaining({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown })],
      instanceType: 'c7i.large',
      architecture: 'x86_64',
      diskGiB: 30,
      disposable: false,
      sweepMinutes: 5,
      formerKmsKeyArns: [],
      idleShutdownMinutes: 10,
      leaseSeconds: 60,
      lingerSeconds: 30,
      breakerWakeUps: 3,
      logRetentionDays: 30,
      networkCidr: '10.71.0.0/24',
      privateNetwork: false,
      privateEndpoints: ['ssm', 'ssmmessages', 'ec2messages', 'logs'],
      spot: false,
      tags: {},
    },
  ]);
});

test.each([
  ['no list', {}, 'pipelines is {}; allowed is a list of at least one pipeline'],
  ['nothing at all', undefined, 'pipelines is missing; allowed is a list of at least one pipeline'],
  ['an empty list', [], 'pipelines is []; allowed is a list of at least one pipeline'],
  ['no object', ['scans'], 'pipelines[0] is "scans"; allowed is an object of settings'],
])('an error names a value that is not a list of pipelines: %s', (_, value, problem) => {
  expect(problemsOf(value)).toEqual([problem]);
});

test.each<[string, unknown, string]>([
  ['name', undefined, 'name is missing; allowed is 2 to 20 lower-case letters, digits and hyphens'],
  ['name', 'A', 'name is "A"; allowed is 2 to 20 lower-case letters'],
  ['name', 'scans-', 'name is "scans-"; allowed is 2 to 20 lower-case letters'],
  ['name', 'a'.repeat(21), `name is "${'a'.repeat(21)}"; allowed is 2 to 20 lower-case`],
  ['name', "x';reboot'", 'name is "x\';reboot\'"; allowed is'],
  ['region', 'Frankfurt', 'region is "Frankfurt"; allowed is an AWS region, for example eu-central-1'],
  ['models', [], 'models is []; allowed is a list of at least one model folder, relative to the project'],
  ['models', 'echo', 'models is "echo"; allowed is a list'],
  ['models', ['/echo'], 'models[0] is "/echo"; allowed is a list of at least one model folder, relative'],
  [
    'instanceType',
    'large',
    'instanceType is "large"; allowed is an EC2 instance type, for example c7i.large',
  ],
  ['diskGiB', 4, 'diskGiB is 4; allowed is a whole number from 8 to 16384'],
  ['diskGiB', '30', 'diskGiB is "30"; allowed is a whole number from 8 to 16384'],
  ['disposable', 'yes', 'disposable is "yes"; allowed is true or false'],
  ['sweepMinutes', 0, 'sweepMinutes is 0; allowed is a whole number from 1 to 60'],
  ['sweepMinutes', 2.5, 'sweepMinutes is 2.5; allowed is a whole number from 1 to 60'],
  ['idleShutdownMinutes', 0, 'idleShutdownMinutes is 0; allowed is a whole number from 5 to 1440'],
  ['leaseSeconds', 1, 'leaseSeconds is 1; allowed is a whole number from 15 to 3600'],
  ['lingerSeconds', -1, 'lingerSeconds is -1; allowed is a whole number from 0 to 600'],
  ['lingerSeconds', 601, 'lingerSeconds is 601; allowed is a whole number from 0 to 600'],
  ['breakerWakeUps', 0, 'breakerWakeUps is 0; allowed is a whole number from 1 to 100'],
  ['logRetentionDays', 31, 'logRetentionDays is 31; allowed is one of 1, 3, 5, 7, 14, 30,'],
  ['networkCidr', '10.0.0.0/8', 'networkCidr is "10.0.0.0/8"; allowed is an IPv4 network from /16 to /28'],
  [
    'networkCidr',
    '10.0.0.5/24',
    'networkCidr is "10.0.0.5/24"; allowed is an IPv4 network from /16 to /28 without',
  ],
  ['availabilityZone', '1a', 'availabilityZone is "1a"; allowed is a zone of the region'],
  ['availabilityZone', 'us-east-1a', 'availabilityZone is "us-east-1a"; allowed is a zone of eu-central-1'],
  ['tags', { 'cost centre': 'x' }, 'tags.cost centre is "x"; allowed is at most 40 tags; keys of letters'],
  ['tags', { 'lamplighter:pipeline': 'x' }, 'tags.lamplighter:pipeline is "x"; allowed is at most 40 tags'],
  ['tags', { team: '${x}' }, 'tags.team is "${x}"; allowed is at most 40 tags'],
  ['diskGb', 30, 'diskGb is not a setting; allowed is one of name, region, models, instanceType, diskGiB,'],
])('an error names the wrong setting, its value and what is allowed: %s = %j', (name, value, problem) => {
  const problems = problemsOf([{ ...valid, [name]: value }]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`pipelines[0].${problem}`);
});

test.each([
  ['nowhere', 'there is no folder'],
  ['no-card', 'model.json is missing'],
  ['not-json', 'model.json cannot be read as JSON'],
  ['typo', 'model.json is not a model card'],
  ['boundless', 'at maxInterruptions'],
  ['no-run', 'run is missing; a model needs an executable called run'],
  ['plain-run', 'run is not an executable file; chmod +x makes it one'],
  ['plain-setup', 'setup is not an executable file; chmod +x makes it one'],
  ['link', 'hosts is neither a file nor a folder; replace a link by its target'],
])('a model that would fail on the instance is refused at synthesis: %s', (folder, problem) => {
  const problems = problemsOf([{ ...valid, models: ['echo', folder] }]);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`pipelines[0].models[1] is "${folder}": `);
  expect(problems[0]).toContain(problem);
  expect(problems[0]).toContain(join(project, folder));
});

test.each([
  [['echo', 'second-echo'], 'two models have the name echo'],
  [['echo', 'csv'], 'echo and csv accept the same keys (prefix "")'],
  [['csv', 'data-csv'], 'csv and data-csv accept the same keys (prefix "")'],
  [Array.from({ length: 9 }, (_, index) => `long-${index}`), 'bytes, but only 3000 fit'],
])(
  'models that accept the same keys, or that are too many for the environment, are refused: %s',
  (models, problem) => {
    expect(problemsOf([{ ...valid, models }])).toEqual([expect.stringContaining(problem)]);
  },
);

test('models of different prefixes or suffixes can be in one pipeline', () => {
  const [pipeline] = readPipelines([{ ...valid, models: ['csv', 'png', 'below'] }], project);
  expect(pipeline!.models.map(({ card }) => card.name)).toEqual(['csv', 'png', 'below']);
});

test('two pipelines of one name are refused, because they would share one state', () => {
  expect(problemsOf([valid, valid])).toEqual([
    'pipelines[1].name is "scans"; allowed is a name that differs from the name of pipelines[0]',
  ]);
});

test('one run reports all problems', () => {
  const problems = problemsOf([{ name: 'A', diskGiB: 1, sweep: 5, models: ['nowhere'] }, { name: 'b-b' }]);
  expect(problems.map((text) => text.split(' ')[0])).toEqual([
    'pipelines[0].name',
    'pipelines[0].diskGiB',
    'pipelines[0].sweep',
    'pipelines[0].models[0]',
    'pipelines[1].models',
  ]);
});

test('the user sees the problems, not a stack trace', () => {
  const run = () =>
    execFileSync(process.execPath, [require.resolve('tsx/cli'), 'main.ts'], {
      cwd: PROJECT,
      stdio: 'pipe',
      env: {
        ...process.env,
        CDKTF_OUTDIR: temporaryFolder(),
        CDKTF_CONTEXT_JSON: JSON.stringify({ pipelines: [{ name: 'A', models: ['models/breast-cancer'] }] }),
      },
    });
  expect(run).toThrow(
    /The settings in cdktf\.json are not usable:\n- pipelines\[0\]\.name is "A"; allowed is [^\n]*\n$/,
  );
});

function problemsOf(value: unknown): string[] {
  try {
    readPipelines(value, project);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [headline, ...problems] = error.message.split('\n- ');
    expect(headline).toBe('The settings in cdktf.json are not usable:');
    return problems;
  }
  return [];
}
