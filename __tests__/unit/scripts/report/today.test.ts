import { sessionKey } from '../../../../lifecycle/job';
import { readToday } from '../../../../scripts/report/today';
import { FakeAccount } from '../../../support/fake-account';

const NOW = Date.parse('2026-03-31T12:00:00.000Z');
const off = { isOn: false, launchedAtMs: undefined };

function recorded(...sessions: (readonly [launched: string, stopped?: string])[]) {
  const { s3, context } = new FakeAccount();
  for (const [launched, stopped] of sessions) {
    const record = {
      ...{ version: 1, launchedAt: `${launched}.000Z`, nonce: 'n' },
      ...(stopped !== undefined && { stoppedAt: `${stopped}.000Z` }),
    };
    s3.put('control', sessionKey(record.launchedAt), JSON.stringify(record));
  }
  return context.control;
}

describe('the on-time of today', () => {
  it('counts from midnight, also in a session that began the day before', async () => {
    const control = recorded(
      ['2026-03-20T10:00:00', '2026-03-20T11:00:00'],
      ['2026-03-30T08:00:00', '2026-03-30T09:00:00'],
      ['2026-03-30T23:30:00', '2026-03-31T00:10:00'],
      ['2026-03-31T09:00:00', '2026-03-31T09:05:00'],
    );
    expect(await readToday(control, off, 0.4, NOW)).toEqual({
      since: '2026-03-31T00:00:00.000Z',
      onSeconds: 15 * 60,
      usd: 0.1,
    });
  });

  it('counts an instance that is on, although its session is not recorded yet', async () => {
    const launchedAtMs = NOW - 90_000;
    const today = await readToday(recorded(), { isOn: true, launchedAtMs }, undefined, NOW);
    expect(today).toMatchObject({ onSeconds: 90, usd: undefined });
  });

  it('does not fail on a record that cannot be read', async () => {
    const { s3, context } = new FakeAccount();
    s3.put('control', sessionKey('2026-03-31T09:00:00.000Z'), '{');
    expect((await readToday(context.control, off, 1, NOW)).onSeconds).toBe(0);
  });
});
