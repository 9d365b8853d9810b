import type { Manifest } from '../../../../lifecycle/manifest';
import { type Claim, type Gate, LEASE_SECONDS } from '../../../../lifecycle/records';
import type { Facts, OpenJob } from '../../../../scripts/doctor/facts';

/*
 * The facts of a pipeline at rest, in which the doctor finds nothing, and what tests change in them.
 */

export const now = Date.parse('2026-01-01T12:00:00.000Z');
export const minutesAgo = (minutes: number) => new Date(now - minutes * 60_000);

export const manifest: Manifest = {
  version: 1,
  pipeline: 'p',
  region: 'eu-central-1',
  dataBucket: 'p-data',
  outputBucket: 'p-output',
  controlBucket: 'p-control',
  instanceId: 'i-1',
  functions: { trigger: 'p-trigger', worker: 'p-worker', stop: 'p-stop' },
  document: 'p-drain',
  failuresQueue: 'p-failures',
  drainLogGroup: '/lamplighter/p/drain',
  sweepMinutes: 5,
  stopTimeLimitSeconds: 120,
  lingerSeconds: 0,
  breakerWakeUps: 3,
  models: [],
};

export const gate: Gate = {
  version: 1,
  state: 'OPEN',
  since: minutesAgo(60).toISOString(),
  by: 'stop r',
  fruitless: 0,
  progressMark: '',
  lastEnd: '',
  nonce: 'n',
};

export const off = {
  state: 'stopped',
  launchTime: minutesAgo(60),
  hold: undefined,
  pause: undefined,
  phase: 'stopped',
} as const;
export const on = { ...off, state: 'running', phase: 'working' } as const;

export const well: Facts = {
  manifest,
  instance: off,
  gate: { gate: { ...gate, state: 'CLOSED' }, trouble: undefined },
  agent: { pingStatus: 'ConnectionLost', lastPing: minutesAgo(50) },
  open: { count: 0, isCountWhole: true, jobs: [], claimsWithoutJob: [] },
  lastDrain: { commandId: 'c-1', status: 'Success', requestedAt: minutesAgo(58) },
  trace: {
    version: 1,
    did: 'ended',
    jobId: 'a'.repeat(64),
    drainId: 'd',
    bootId: 'b',
    at: minutesAgo(50).toISOString(),
  },
  lastSweep: minutesAgo(2),
  uploads: { looked: 1, isWhole: true, lost: [] },
  failed: { jobs: [], withoutWalls: [], isListWhole: true },
  failedEvents: { count: 0, samples: [] },
  models: [{ name: 'm', is: 'same' }],
  plan: undefined,
  unseen: [],
};

export function job(facts: Partial<OpenJob> = {}, openMinutes = 60): OpenJob {
  return {
    jobId: 'b'.repeat(64),
    openSince: minutesAgo(openMinutes),
    open: { trouble: 'never mind' },
    claim: undefined,
    attempts: undefined,
    upload: undefined,
    ...facts,
  };
}

export const record = { record: { input: { key: 'a.csv' } } } as unknown as OpenJob['open'];

/** A claim whose lease ends in so many minutes. */
export function claim(leaseMinutes: number, released?: string): OpenJob['claim'] {
  const lastModified = new Date(now + leaseMinutes * 60_000 - LEASE_SECONDS * 1000);
  return { record: { attempt: 1, released } as Claim, lastModified };
}

export const withJobs = (facts: Partial<Facts>, ...jobs: OpenJob[]): Facts => ({
  ...well,
  ...facts,
  open: { count: jobs.length, isCountWhole: true, jobs, claimsWithoutJob: [] },
});
