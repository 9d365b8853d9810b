import { CLAIM_METADATA, type Claim } from '../../../lifecycle/records';
import { claimable, type Claimable, type ClaimReading } from '../../../runner/claim';
import { NO_ATTEMPTS } from '../../../runner/ended-attempts';

const self = { machineId: 'i-1', drainId: 'drain-2' };
const ofMachine = (machine: string) => ({ [CLAIM_METADATA.machine]: machine });

const reading = (
  claim: Partial<Claim>,
  metadata: Record<string, string> = ofMachine('i-1'),
): ClaimReading => ({
  ...NO_ATTEMPTS,
  etag: '"1"',
  metadata,
  record: {
    version: 1,
    jobId: 'a'.repeat(64),
    attempt: 3,
    bootId: 'boot-1',
    drainId: 'drain-1',
    claimedAt: '2030-01-01T00:00:00.000Z',
    leaseUntil: '2030-01-01T00:01:00.000Z',
    nonce: 'n',
    ...claim,
  },
});

test.each<[string, ClaimReading, Claimable]>([
  ['no claim', { ...NO_ATTEMPTS, record: undefined }, 'free'],
  ['an object that is no claim', { ...reading({}), record: undefined }, 'free'],
  ['a released claim', reading({ released: 'the machine was shut down' }), 'free'],
  ['a released claim of another machine', reading({ released: 'x' }, ofMachine('i-2')), 'free'],
  ['a claim of this drain', reading({ drainId: 'drain-2' }), 'own'],
  ['a claim of another drain of this machine, with a lease that has not ended', reading({}), 'dead'],
  ['a claim of an earlier boot of this machine', reading({ bootId: 'boot-0' }), 'dead'],
  ['a claim of the first release, which names no machine', reading({}, {}), 'dead'],
  ['a claim of another machine', reading({}, ofMachine('i-2')), 'held'],
  ['a claim of a newer release', { ...reading({}), record: undefined, isNewer: true }, 'held'],
])('%s', (_what, claim, is) => {
  expect(claimable(claim, self)).toBe(is);
});
