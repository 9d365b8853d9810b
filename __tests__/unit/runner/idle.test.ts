import { isIdle, readHold, type IdleFacts } from '../../../runner/idle';

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

describe('the tag lamplighter:hold', () => {
  const metadata =
    (tag: Response): typeof fetch =>
    (url, init) => {
      if (init?.method === 'PUT') return Promise.resolve(new Response('token'));
      expect(url).toBe('http://169.254.169.254/latest/meta-data/tags/instance/lamplighter:hold');
      expect(init?.headers).toEqual({ 'X-aws-ec2-metadata-token': 'token' });
      return Promise.resolve(tag);
    };

  test('is read from the instance’s own tags', async () => {
    expect(await readHold(metadata(new Response('because')))).toBe('held');
    expect(await readHold(metadata(new Response('', { status: 404 })))).toBe('not held');
  });

  test('is unknown when the metadata service fails or is silent', async () => {
    expect(await readHold(metadata(new Response('', { status: 500 })))).toBe('unknown');
    expect(await readHold(() => Promise.resolve(new Response('', { status: 403 })))).toBe('unknown');
    expect(await readHold(() => Promise.reject(new Error('no route')))).toBe('unknown');
  });
});
