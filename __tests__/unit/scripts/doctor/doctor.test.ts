import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Facts, OpenJob } from '../../../../scripts/doctor/facts';
import { FINDING_NAMES, findings } from '../../../../scripts/doctor/findings';
import { reportLines } from '../../../../scripts/doctor/report';
import { waitReason } from '../../../../scripts/doctor/waiting';
import { PACKAGE_FOLDER } from '../../../../scripts/tools/project';
import { recordingTerminal } from '../stand-ins';
import { claim, gate, job, minutesAgo, now, off, on, record, well, withJobs } from './well';

const names = (facts: Facts) => findings(facts, now).map(({ name }) => name);

it('finds nothing wrong with a pipeline at rest', () => {
  expect(names(well)).toEqual([]);
  const lines = reportLines(well, [], now, recordingTerminal());
  expect(lines.at(-1)).toBe('✓ All is well.');
});

it('finds nothing wrong with one that has just been deployed: no sweep, no gate, no drain yet', () => {
  const fresh: Facts = {
    ...well,
    instance: { ...on, launchTime: minutesAgo(2) },
    gate: { gate: undefined, trouble: undefined },
    ...({ agent: 'never', lastDrain: 'none', trace: 'none', lastSweep: 'never' } as const),
  };
  expect(names(fresh)).toEqual([]);
});

it('does not say that all is well when a part could not be read, and names the part', () => {
  const blind: Facts = {
    ...well,
    ...{ instance: undefined, gate: undefined, agent: undefined, open: undefined, uploads: undefined },
    ...{
      lastDrain: undefined,
      lastSweep: undefined,
      failed: undefined,
      failedEvents: undefined,
      models: undefined,
    },
    unseen: [{ what: 'the ledger', why: 'AccessDenied: not you' }],
  };
  expect(names(blind)).toEqual([]);
  const text = reportLines(blind, [], now, recordingTerminal()).join('\n');
  expect(text).toContain('the ledger could not be read: AccessDenied: not you');
  expect(text).not.toContain('All is well');
});

describe('a job that waits too long is named with the reason', () => {
  const reporting = { pingStatus: 'Online', lastPing: minutesAgo(1) };
  const atWork = { gate: { gate, trouble: undefined }, agent: reporting, instance: on };
  const facts: [string, Partial<Facts>, Partial<OpenJob>, RegExp][] = [
    ['off', {}, {}, /the instance is off/],
    ['gone', { instance: 'gone' }, {}, /there is no instance/],
    ['stopping', { instance: { ...off, state: 'stopping' } }, {}, /still stopping/],
    ['starting', { instance: { ...on, state: 'pending' } }, {}, /is starting/],
    ['silent', { ...atWork, agent: 'never' }, {}, /SSM agent has not reported/],
    [
      'shut',
      { ...atWork, gate: { gate: { ...gate, state: 'CLOSED' }, trouble: undefined } },
      {},
      /the gate is CLOSED/,
    ],
    ['idle', atWork, {}, /no drain is running/],
    [
      'begun',
      { ...atWork, lastDrain: { commandId: 'c', status: 'InProgress', requestedAt: minutesAgo(1) } },
      {},
      /about to begin/,
    ],
    ['dead', atWork, { claim: claim(-1) }, /the drain of attempt 1 has died/],
    ['released', atWork, { claim: claim(1, 'disk full') }, /attempt 1 ended without a receipt \(disk full\)/],
  ];
  it.each(facts)('%s', (_what, seen, own, reason) => {
    const waiting = withJobs(seen, job({ open: record, ...own }));
    expect(waitReason(waiting, waiting.open!.jobs[0]!, now)).toMatch(reason);
    const found = findings(waiting, now).find(({ name }) => name === 'job-waits');
    expect(found?.what).toMatch(reason);
  });

  it('but not a new job, nor a job that is queued behind a running job', () => {
    expect(names(withJobs(atWork, job({ open: record }, 5)))).toEqual([]);
    const behind = withJobs(atWork, job({ open: record }), job({ open: record, claim: claim(1) }, 61));
    expect(names(behind)).toEqual([]);
    expect(waitReason(behind, behind.open!.jobs[0]!, now)).toMatch(/another job runs/);
  });
});

describe('a drain that failed', () => {
  const failed = { commandId: 'c-9', status: 'Failed', requestedAt: minutesAgo(10) };

  it('is named with its log when it did no work', () => {
    const [found] = findings({ ...well, lastDrain: failed }, now);
    expect(found).toMatchObject({ name: 'drain-failed', what: expect.stringContaining('c-9') as string });
    expect(found!.advice).toContain('/lamplighter/p/drain');
  });

  it('is not when it did: the stop after the last receipt ends it with its machine', () => {
    const trace = {
      ...(well.trace as Exclude<Facts['trace'], string | undefined>),
      at: minutesAgo(9).toISOString(),
    };
    expect(names({ ...well, lastDrain: failed, trace })).toEqual([]);
  });
});

it('reports that the breaker counts before it trips, but not a count that is over', () => {
  const counting = { gate: { ...gate, fruitless: 2 }, trouble: undefined };
  const facts = withJobs(
    { gate: counting, instance: on, agent: { pingStatus: 'Online', lastPing: minutesAgo(1) } },
    job({ open: record }, 5),
  );
  expect(findings(facts, now)[0]).toMatchObject({
    name: 'breaker-counting',
    what: expect.stringContaining('2 wake-ups in a row') as string,
  });
  expect(names({ ...well, gate: counting })).toEqual([]);
});

it('names five of many jobs, and the number of the others', () => {
  const jobs = Array.from({ length: 8 }, (_, index) => job({ jobId: `${index}`.repeat(64) }, 1));
  const [found] = findings(withJobs({}, ...jobs), now);
  expect(found!.what).toMatch(/000000000000, 111111111111, .*, and 3 more/);
  expect(found!.jobIds).toHaveLength(8);
});

it('escapes characters of an upload’s name that control the terminal', () => {
  const evil = '\u001b[2J\u202e.csv';
  const facts: Facts = {
    ...well,
    failed: {
      isListWhole: true,
      withoutWalls: [],
      jobs: [{ jobId: 'c'.repeat(64), key: evil, endedAt: 'then', why: evil }],
    },
  };
  const text = reportLines(facts, findings(facts, now), now, recordingTerminal()).join('\n');
  expect(text).not.toMatch(/[\u001b\u202e]/);
  expect(text).toContain('\\x1b[2J');
});

test('each finding has a chapter of its name in docs/OPERATIONS.md', () => {
  const text = readFileSync(join(PACKAGE_FOLDER, 'docs', 'OPERATIONS.md'), 'utf8');
  for (const name of FINDING_NAMES) expect(text).toContain(`\n### ${name}\n`);
});
