import { sessionSchema, type Session } from '../../../lifecycle/records';
import { recordSession } from '../../../lifecycle/session';
import { FakeAccount } from '../../support/fake-account';
import { FakeS3 } from '../../support/fake-s3';

const LAUNCH = '2026-01-01T00:00:00.000Z';
const KEY = `sessions/${LAUNCH}.json`;
const initiatedAt = (time: string) => `User initiated (2026-01-01 ${time} GMT)`;
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
  it('holds the launch once the instance runs, and later the stop as EC2 reports it', async () => {
    const on = account('running');
    await recordSession(on.context, { kind: 'instance running' }, undefined);
    expect(sessions(on)).toEqual({ [KEY]: { launchedAt: LAUNCH } });
    on.state = 'stopped';
    on.stateTransitionReason = initiatedAt('00:10:00');
    await recordSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(sessions(on)).toEqual({
      [KEY]: { launchedAt: LAUNCH, stoppedAt: '2026-01-01T00:10:00.000Z', tailSeconds: 600 },
    });
    // A second delivery of the event, and every later sweep, changes nothing.
    const before = on.s3.text('control', KEY);
    await recordSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    await recordSession(on.context, { kind: 'sweep' }, undefined);
    expect(on.s3.text('control', KEY)).toBe(before);
  });

  it('leaves a record of a newer release alone, and fails nothing', async () => {
    const on = account('stopped', initiatedAt('00:10:00'));
    const newer = JSON.stringify({ version: 2, launchedAt: LAUNCH });
    on.s3.put('control', KEY, newer);
    await recordSession(on.context, { kind: 'sweep' }, undefined);
    expect(on.s3.text('control', KEY)).toBe(newer);
  });

  it("holds the event's time while EC2 reports none, and EC2's time later", async () => {
    const off = account('stopping');
    await recordSession(off.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    const fromEvent = {
      launchedAt: LAUNCH,
      stoppedAt: '2026-01-01T00:10:40.000Z',
      approximate: true,
      tailSeconds: 640,
    };
    expect(sessions(off)).toEqual({ [KEY]: fromEvent });
    off.state = 'stopped';
    off.stateTransitionReason = initiatedAt('00:10:00');
    await recordSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.stoppedAt).toBe('2026-01-01T00:10:00.000Z');
    expect(sessions(off)[KEY]?.approximate).toBeUndefined();
  });

  it('gets its end from the sweep if the event was lost', async () => {
    const off = account('stopped', initiatedAt('00:10:00'));
    await recordSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.stoppedAt).toBe('2026-01-01T00:10:00.000Z');
  });

  it('does not guess the end of a session without a record', async () => {
    const off = account('stopped');
    await recordSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)).toEqual({});
  });

  it('ends the right session if the instance started again before the event arrived', async () => {
    const on = account('running');
    await recordSession(on.context, { kind: 'sweep' }, undefined);
    on.launchTime = new Date('2026-01-01T00:11:00Z');
    await recordSession(on.context, { kind: 'sweep' }, undefined);
    await recordSession(on.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(Object.values(sessions(on))).toEqual([
      { launchedAt: LAUNCH, stoppedAt: '2026-01-01T00:10:40.000Z', approximate: true, tailSeconds: 640 },
      { launchedAt: '2026-01-01T00:11:00.000Z' },
    ]);
  });

  it('ignores the time of an earlier stop', async () => {
    const off = account('stopped', 'User initiated (2025-12-31 23:00:00 GMT)');
    await recordSession(off.context, stoppedAt('2026-01-01T00:10:40Z'), undefined);
    expect(sessions(off)[KEY]).toMatchObject({ stoppedAt: '2026-01-01T00:10:40.000Z', approximate: true });
  });

  it('counts the seconds on no receipt as the tail', async () => {
    const off = account('stopped', initiatedAt('00:10:00'));
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
    await recordSession(off.context, { kind: 'sweep' }, undefined);
    expect(sessions(off)[KEY]?.tailSeconds).toBe(100);
  });

  it('never fails a settle: an error of S3 or EC2 is a line in the log', async () => {
    const off = account('running');
    off.failures.set('DescribeInstances', [FakeS3.error('InternalError', 500)]);
    await recordSession(off.context, { kind: 'sweep' }, undefined);
    expect(off.log.lines.map(({ fact }) => fact)).toEqual(['session not recorded']);
  });

  it('makes no call for receipts and commands, which arrive by the hundred', async () => {
    const on = account('running');
    await recordSession(on.context, { kind: 'receipt', jobIds: [] }, undefined);
    await recordSession(on.context, { kind: 'drain ended', commandId: 'c' }, undefined);
    expect(on.calls).toEqual([]);
    expect(sessions(on)).toEqual({});
  });
});
