import { request } from 'node:http';
import type { Manifest } from '../../../lifecycle/manifest';
import { Store } from '../../../lifecycle/store';
import type { Scene } from '../../../scripts/operations/scene';
import { type LiveServer, startLiveServer } from '../../../scripts/report/live-server';
import { FakeS3 } from '../../support/fake-s3';

const s3 = new FakeS3();
let live: LiveServer;
let host: string;

beforeAll(async () => {
  live = await startLiveServer({
    target: { cloud: 'local', clients: { s3: s3.client, ec2: { send: () => Promise.resolve({}) } } },
    manifest: {
      pipeline: 'p',
      region: 'eu-central-1',
      dataBucket: 'd',
      outputBucket: 'o',
      models: [{ name: 'm', prefix: 'raw/', suffixes: ['.csv'] }],
    } as unknown as Manifest,
    control: new Store(s3.client, 'c'),
    output: new Store(s3.client, 'o'),
    instance: { id: 'i-1', read: () => Promise.resolve({ state: 'stopped' }) },
  } as unknown as Scene);
  host = new URL(live.url).host;
});
afterAll(() => live.close());

/** Node's own client, because fetch may not say which host and origin it is. */
function ask(method: string, path: string, headers: Record<string, string>, body = '') {
  return new Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }>(
    (resolve, reject) => {
      const asked = request(new URL(path, live.url), { method, headers, agent: false }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            text: Buffer.concat(parts).toString(),
            headers: answer.headers,
          }),
        );
      });
      asked.on('error', reject);
      asked.end(body);
    },
  );
}

const ours = () => ({ host, origin: `http://${host}`, 'x-lamplighter': 'upload' });

describe('no other web site can upload, or read, through its visitor’s browser', () => {
  it.each<[string, Record<string, string>]>([
    ['another site’s origin', { origin: 'https://evil.example' }],
    ['the origin of a sandboxed frame', { origin: 'null' }],
    ['our address at another port', { origin: 'http://127.0.0.1:1' }],
    ['a name that leads here', { host: 'evil.example', origin: 'http://evil.example' }],
    ['a cross-site request without an origin of its own', { 'sec-fetch-site': 'cross-site' }],
    ['no header of ours, as a form sends it', { 'x-lamplighter': '' }],
  ])('%s: refused', async (_, headers) => {
    const { status } = await ask('POST', '/uploads?name=a.csv', { ...ours(), ...headers }, '1');
    expect(status).toBe(403);
    expect(s3.objects('d').size).toBe(0);
  });

  it('a POST without any origin is refused', async () => {
    const { status } = await ask('POST', '/uploads?name=a.csv', { host, 'x-lamplighter': 'upload' }, '1');
    expect(status).toBe(403);
    expect(s3.objects('d').size).toBe(0);
  });

  it('the page itself is not read under a name that leads here, nor framed', async () => {
    expect((await ask('GET', '/', { host: 'evil.example' })).status).toBe(403);
    const { status, headers } = await ask('GET', '/', { host });
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toBe("frame-ancestors 'none'");
  });
});

describe('an upload', () => {
  it.each(['../a.csv', 'a/b.csv', 'a\\b.csv', 'a\u0000.csv', '..', '', `${'a'.repeat(252)}.csv`])(
    'named %j is refused: a name is not a path',
    async (name) => {
      const { status } = await ask('POST', `/uploads?name=${encodeURIComponent(name)}`, ours(), '1');
      expect(status).toBe(422);
      expect(s3.objects('d').size).toBe(0);
    },
  );

  it('of the page lands in the data bucket, under the prefix that its model takes', async () => {
    const { status, text } = await ask('POST', '/uploads?name=a%20b.csv', ours(), 'x,y\n');
    expect(status).toBe(201);
    expect(JSON.parse(text)).toMatchObject({ key: 'raw/a b.csv' });
    expect(s3.text('d', 'raw/a b.csv')).toBe('x,y\n');
  });
});

it('a page that has not changed is not sent again', async () => {
  const { headers } = await ask('GET', '/', { host });
  const again = await ask('GET', '/', { host, 'if-none-match': String(headers.etag) });
  expect(again).toMatchObject({ status: 304, text: '' });
});
