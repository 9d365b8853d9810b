import { attemptsKey, claimKey } from '../../../../lifecycle/job';
import type { EndedAttempts } from '../../../../lifecycle/records';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { golden, keepMachineOut, run } from './run';

keepMachineOut();

/** A job that succeeded after interruptions, one that runs again after some, and one whose record is unreadable. */
function interrupted() {
  const place = new InMemoryPipeline();
  const { account } = place;
  const now = () => new Date(account.clock.now()).toISOString();
  const put = (key: string, record: object) => account.s3.put('control', key, JSON.stringify(record));
  const end = (first: number, last: number, more: Omit<EndedAttempts, 'first' | 'last' | 'at'>) => ({
    ...{ first, last, at: now() },
    ...more,
  });
  const shutDown = { cause: 'machine', why: 'the machine shut down' } as const;
  const exited = { cause: 'model', why: 'the model exited with code 1' } as const;
  place.ended('in/done.csv', { attempt: 4, endedAttempts: [end(1, 2, shutDown), end(3, 3, exited)] });
  place.passMinutes(5);
  const { jobId } = account.openJob('in/again.csv');
  const leaseUntil = new Date(account.clock.now() + 900_000).toISOString();
  const mine = { version: 1, jobId, nonce: 'n' };
  put(claimKey(jobId), {
    ...{ ...mine, attempt: 5, bootId: 'b', drainId: 'd', claimedAt: now(), leaseUntil },
  });
  const died = { cause: 'machine', why: 'the machine died', death: 'alone' } as const;
  put(attemptsKey(jobId), { ...mine, ended: [end(1, 3, shutDown), end(4, 4, died)] });
  const { jobId: unreadable } = account.openJob('in/unreadable.csv');
  account.s3.put('control', attemptsKey(unreadable), 'no JSON');
  account.state = 'running';
  account.setGate('OPEN', 120);
  account.launchTime = new Date(account.clock.now() - 120_000);
  account.lastPing = new Date(account.clock.now() - 30_000);
  place.passMinutes(1);
  return place;
}

describe('interruptions are shown apart from failures', () => {
  const lines = ['list', 'status', 'results in/done.csv', 'report', 'doctor'];

  it.each(lines)('%s: for people', async (line) => {
    expect(golden(await run(interrupted(), line.split(' ')))).toMatchSnapshot();
  });

  it.each(lines)('%s: for programs', async (line) => {
    const { stdout } = await run(interrupted(), [...line.split(' '), '--json']);
    const found: string[] = [];
    JSON.stringify(JSON.parse(stdout), (key, value: unknown) => {
      if (['failures', 'interruptions', 'endedAttempts'].includes(key)) found.push(JSON.stringify(value));
      return value;
    });
    expect(found).toMatchSnapshot();
  });
});
