import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdInForce, isIdle, shutDownIfIdle, type HoldAnswer, type IdleFacts } from '../../../runner/idle';
import { metadataService } from '../../support/metadata-service';

const minutes = (count: number) => count * 60_000;
const idle: IdleFacts = {
  now: minutes(1000),
  bootedAt: minutes(900),
  heartbeatAt: minutes(950),
  hold: 'not held',
  idleShutdownMinutes: 10,
};

test('a machine on which no drain has run for a while is switched off, even if the functions fail', () => {
  expect(isIdle(idle)).toBe(true);
});

test.each<[string, Partial<IdleFacts>]>([
  ['a drain has run a moment ago', { heartbeatAt: minutes(991) }],
  ['it has just been started, and the last heartbeat is of an earlier boot', { bootedAt: minutes(995) }],
  ['it has just been started for the first time', { bootedAt: minutes(995), heartbeatAt: undefined }],
  ['a person has set the tag lamplighter:hold', { hold: 'held' }],
])('a machine stays on when %s', (_name, facts) => {
  expect(isIdle({ ...idle, ...facts })).toBe(false);
});

test('a machine that never ran a drain is switched off too', () => {
  expect(isIdle({ ...idle, heartbeatAt: undefined })).toBe(true);
});

test('a machine without a metadata service is switched off: no drain can work on it', () => {
  expect(isIdle({ ...idle, hold: 'unknown' })).toBe(true);
});

describe('the hold that counts', () => {
  const last: HoldAnswer = { bootId: 'boot-1', uptimeSeconds: 1_000, hold: 'held' };
  const at = (uptimeSeconds: number, bootId = 'boot-1') => ({ bootId, uptimeSeconds });

  test('is the answer of the metadata service, if there is one', () => {
    expect(holdInForce('not held', last, at(1_060))).toBe('not held');
    expect(holdInForce('held', { ...last, hold: 'not held' }, at(1_060))).toBe('held');
  });

  test('is the last answer for ten minutes, if the service is silent', () => {
    expect(holdInForce('unknown', last, at(1_600))).toBe('held');
    expect(holdInForce('unknown', last, at(1_601))).toBe('unknown');
    expect(holdInForce('unknown', undefined, at(1_060))).toBe('unknown');
  });

  test('is not an answer of an earlier boot: people may have released the instance while it was off', () => {
    expect(holdInForce('unknown', last, at(1_060, 'boot-2'))).toBe('unknown');
  });
});

describe('the idle timer, minute by minute', () => {
  const root = mkdtempSync(join(tmpdir(), 'lamplighter-idle-'));
  const held = metadataService({ 'meta-data/tags/instance/lamplighter:hold': 'a person debugs' });
  const silent: typeof fetch = () => Promise.reject(new Error('no answer'));
  const log = { info: jest.fn(), warn: jest.fn(), error: jest.fn() };

  beforeEach(() => {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(join(root, 'run'), { recursive: true });
  });

  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  /** Lets minutes pass on a machine without a drain. Returns the minutes at which it would have been switched off. */
  async function passMinutes(count: number, request: (minute: number) => typeof fetch): Promise<number[]> {
    const off: number[] = [];
    for (let minute = 1; minute <= count; minute += 1) {
      await shutDownIfIdle({
        root,
        idleShutdownMinutes: 10,
        log,
        bootId: 'boot-1',
        request: request(minute),
        uptimeSeconds: () => minute * 60,
        powerOff: () => {
          off.push(minute);
          return Promise.resolve(0);
        },
      });
    }
    return off;
  }

  test('a held machine stays on for eight hours, although single answers about the hold are missing', async () => {
    expect(await passMinutes(480, (minute) => (minute % 7 === 0 ? silent : held))).toEqual([]);
  });

  test('a held machine is switched off when the metadata service has been silent for more than ten minutes', async () => {
    expect((await passMinutes(32, (minute) => (minute <= 20 ? held : silent)))[0]).toBe(31);
  });

  test('an answer that cannot be written does not stop the timer, and the file of answers never grows', async () => {
    await passMinutes(1, () => held);
    const { size } = statSync(join(root, 'run', 'hold.json'));
    await passMinutes(20, () => held);
    expect(statSync(join(root, 'run', 'hold.json')).size).toBe(size);
    rmSync(join(root, 'run'), { recursive: true });
    expect(await passMinutes(12, () => metadataService({}))).toEqual([11, 12]);
  });
});
