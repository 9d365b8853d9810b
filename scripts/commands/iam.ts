import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../lifecycle/errors';
import { readPipelines } from '../../modules/settings';
import { type IamRecord, RECORDS_VARIABLE } from '../../local-cloud/iam/record';
import { PACKAGE_FOLDER, readCdktfConfig } from '../tools/project';
import { grantedBy } from '../iam/granted';
import { type Judgement, judge } from '../iam/judge';
import { unused } from '../iam/reasons';

const USAGE = `npm run iam: the permissions that the end-to-end tests use

  (no options)        run all end-to-end tests, then show the table
  --records FOLDER    show the table of an earlier run, whose tests had ${RECORDS_VARIABLE}=FOLDER

Fails if a permission is not used and scripts/iam/reasons.ts has no reason for it, or if a part of a pipeline was denied
a request.`;

function main(): number {
  const { values } = parseArgs({
    options: { records: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.records !== undefined) return report(values.records);
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-iam-records-'));
  try {
    const tests = spawnSync('npm', ['run', 'test:e2e'], {
      cwd: PACKAGE_FOLDER,
      stdio: 'inherit',
      // Without its tools a test would be skipped, and its permissions would look unused.
      env: { ...process.env, [RECORDS_VARIABLE]: folder, LAMPLIGHTER_REQUIRE_TOOLS: '1' },
    });
    const judged = report(folder);
    if (tests.status !== 0)
      console.error('The end-to-end tests failed; the table may lack permissions that they did not reach.');
    return tests.status === 0 ? judged : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(folder: string): number {
  const records = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as IamRecord);
  if (records.length === 0) {
    console.error(`${folder} has no records: run the end-to-end tests with ${RECORDS_VARIABLE}=${folder}.`);
    return 2;
  }
  // Every pipeline has the same roles.
  const [settings] = readPipelines(readCdktfConfig(PACKAGE_FOLDER).context.pipelines, PACKAGE_FOLDER);
  if (!settings) throw new Error('cdktf.json has no pipeline.');
  const judgement = judge(grantedBy(settings), records, unused);
  show(judgement, records);
  return judgement.problems.length === 0 ? 0 : 1;
}

function show({ rows, problems }: Judgement, records: readonly IamRecord[]): void {
  const cells = rows.map(({ role, statement, action, times, reason }) => [
    role,
    statement,
    action,
    times > 0 ? `${times} times` : `not used: ${reason ?? 'NO REASON'}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  for (const row of cells) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  }
  const times = records.flatMap(({ decisionMs }) => decisionMs).sort((a, b) => a - b);
  const operatorCalls = sum(records.flatMap((record) => Object.values(record.operatorCalls)));
  const forged = records.flatMap(({ denials }) => denials).filter(({ byHand }) => byHand).length;
  console.log(
    `\n${times.length} decisions in ${records.length} local clouds, half of them within ${times[times.length >> 1] ?? 0} ms; ` +
      `${operatorCalls} calls of the operator were seen; ${forged} forged calls were denied, as their tests expect`,
  );
  for (const problem of problems) console.error(`PROBLEM: ${problem}`);
  console.log(
    problems.length === 0 ? 'Every permission is used or has its reason.' : `${problems.length} problems`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 4;
}
