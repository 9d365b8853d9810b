import type { Claim } from '../../../lifecycle/records';
import { claimable } from '../../../runner/claim';

const now = Date.parse('2030-01-01T12:00:00Z');
const self = { bootId: 'boot-2', drainId: 'me', now };
const claim = (details: Partial<Claim>): { claim: Claim; etag: string } => ({
  etag: '"e"',
  claim: {
    version: 1,
    jobId: 'f'.repeat(64),
    attempt: 3,
    bootId: 'boot-2',
    drainId: 'other',
    claimedAt: '2030-01-01T11:59:00.000Z',
    leaseUntil: '2030-01-01T12:00:30.000Z',
    nonce: 'n',
    ...details,
  },
});

test('a job without a claim is free, and no attempt has been made', () => {
  expect(claimable({ claim: undefined, etag: undefined }, self)).toEqual({
    free: true,
    attempts: 0,
    previousEnding: undefined,
  });
});

test('a live claim of another drain holds the job until its lease ends', () => {
  expect(claimable(claim({}), self)).toEqual({ free: false, heldUntil: now + 30_000 });
});

test.each<[string, Partial<Claim>, RegExp]>([
  ['was released', { released: 'the disk was full' }, /the disk was full/],
  ['is of an earlier boot', { bootId: 'boot-1' }, /machine went down/],
  ['has expired', { leaseUntil: '2030-01-01T12:00:00.000Z' }, /lease ran out/],
  ['is this drain’s own', { drainId: 'me' }, /could not be recorded/],
])(
  'a claim that %s is free, its attempt counts, and the reason for its end is known',
  (_name, details, ending) => {
    expect(claimable(claim(details), self)).toEqual({
      free: true,
      attempts: 3,
      previousEnding: expect.stringMatching(ending) as string,
    });
  },
);
