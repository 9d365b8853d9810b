import { sessionSchema, type Session } from '../../../lifecycle/records';
import { keepSession } from '../../../lifecycle/session';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const LAUNCH = '2026-01-01T00:00:00.000Z';
const KEY = `sessions/${LAUNCH}.json`;
const said = (time: string) => `User initiated (2026-01-01 ${time} GMT)`;
const stoppedAt = (eventTime: string) => ({ kind: 'instance stopped', eventTime }) as const;

function account(state: string, reason = ''): FakeAccount {
  const made = new FakeAccount();
  made.state = state;
  made.stateTransitionReason = reason;
  return made;
}

function sessions({ s3 }: FakeAccount): Record<string, Omit<Session, 'nonce' | 'version'>> {
  const keys = [...s3.objects('control').keys()].filter((key) => key.startsWith('sessions/'));
  return Object.fromEntries(
    keys.map((key) => {
      const {
        nonce: _nonce,
        version: _version,
        ...rest
      } = sessionSchema.parse(JSON.parse(s3.text('control', key) ?? ''));
      return [key, rest];
    }),
  );
}

describe('the record of sessions', () => {
  it('has the launch from the moment at which it runs, and the stop as EC2 says it', async () => {
    const on = account('running');
    await keepSession(on.context, { kind: 'instance running' }, undefined);
    expect(sessions(on)).toEqual({ [KEY]: { launchedAt: LAUNCH } });
    on.state = 'stopped';
    on.stateTransitionReason = said('00:10:00');
    await keepSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(sessions(on)).toEqual({
      [KEY]: { launchedAt: LAUNCH, stoppedAt: '2026-01-01T00:10:00.000Z', tailSeconds: 600 },
    });
    // An event that comes twice, and every sweep after it, changes nothing.
    const before = on.s3.text('control', KEY);
    await keepSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    await keepSession(on.context, { kind: 'sweep' }, undefined);
    expect(on.s3.text('control', KEY)).toBe(before);
  });

  it("takes the event's time where EC2 says none, and corrects it when EC2 does", async () => {
    const off = account('stopping');
    await keepSession(off.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    const heard = {
      launchedAt: LAUNCH,
      stoppedAt: '2026-01-01T00:10:40.000Z',
      approximate: true,
      tailSeconds: 640,
    };
    expect(sessions(off)).toEqual({ [KEY]: heard });
    off.state = 'stopped';
    off.stateTransitionReason = said('00:10:00');
    await keepSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.stoppedAt).toBe('2026-01-01T00:10:00.000Z');
    expect(sessions(off)[KEY]?.approximate).toBeUndefined();
  });

  it('is told by the sweep alone, when no event came', async () => {
    const off = account('stopped', said('00:10:00'));
    await keepSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.stoppedAt).toBe('2026-01-01T00:10:00.000Z');
  });

  it('does not guess when an instance stopped that nobody has seen on', async () => {
    const off = account('stopped');
    await keepSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)).toEqual({});
  });

  it('ends the right session when the instance has been started anew before the event came', async () => {
    const on = account('running');
    await keepSession(on.context, { kind: 'sweep' }, undefined);
    on.launchTime = new Date('2026-01-01T00:11:00Z');
    await keepSession(on.context, { kind: 'sweep' }, undefined);
    await keepSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(Object.values(sessions(on))).toEqual([
      { launchedAt: LAUNCH, stoppedAt: '2026-01-01T00:10:40.000Z', approximate: true, tailSeconds: 640 },
      { launchedAt: '2026-01-01T00:11:00.000Z' },
    ]);
  });

  it('does not take what EC2 says of an earlier stop', async () => {
    const off = account('stopped', 'User initiated (2025-12-31 23:00:00 GMT)');
    await keepSession(off.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(sessions(off)[KEY]).toMatchObject({ stoppedAt: '2026-01-01T00:10:40.000Z', approximate: true });
  });

  it('leaves to the tail what no receipt took', async () => {
    const off = account('stopped', said('00:10:00'));
    const billed = { session: '2026-01-01T00:00:20.000Z', seconds: 500 };
    const trace = {
      version: 1,
      did: 'ended',
      jobId: 'a'.repeat(64),
      drainId: 'd',
      bootId: 'b',
      at: LAUNCH,
      billed,
    };
    off.s3.put('control', 'status/drain.json', JSON.stringify(trace));
    await keepSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.tailSeconds).toBe(100);
  });

  it('never fails a settle: a bucket or an EC2 that does not answer is a line in the log', async () => {
    const off = account('running');
    off.failures.set('DescribeInstances', [FakeS3.error('InternalError', 500)]);
    await keepSession(off.context, { kind: 'sweep' }, undefined);
    expect(off.log.lines.map(({ fact }) => fact)).toEqual(['session not recorded']);
  });

  it('asks nothing on receipts and commands, which come by the hundred', async () => {
    const on = account('running');
    await keepSession(on.context, { kind: 'receipt', jobIds: [] }, undefined);
    await keepSession(on.context, { kind: 'drain ended', commandId: 'c' }, undefined);
    expect(on.calls).toEqual([]);
    expect(sessions(on)).toEqual({});
  });
});
