import { once } from 'node:events';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { DRAIN_STATUS_KEY, attemptPrefix, jobIdOf, receiptKey } from '../../../../lifecycle/job';
import type { Manifest } from '../../../../lifecycle/manifest';
import { Store } from '../../../../lifecycle/store';
import type { PipelineHandle } from '../../../../scripts/pipeline/connect';
import { type LiveServer, startLiveServer } from '../../../../scripts/report/live-server';
import { attachment } from '../../../../scripts/report/live-download';
import { FakeS3 } from '../../../support/fake-s3';

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
  } as unknown as PipelineHandle);
  host = new URL(live.url).host;
});
afterAll(() => live.close());

/** Node's own HTTP client, because `fetch` cannot set the headers host and origin. */
function ask(method: string, path: string, headers: Record<string, string>, body = '') {
  return new Promise<{
    status: number;
    text: string;
    bytes: Buffer;
    headers: NodeJS.Dict<string | string[]>;
  }>((resolve, reject) => {
    const asked = request(new URL(path, live.url), { method, headers, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          text: Buffer.concat(parts).toString(),
          bytes: Buffer.concat(parts),
          headers: answer.headers,
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const ours = () => ({ host, origin: `http://${host}`, 'x-lamplighter': 'upload' });

describe('no other web site can upload, or read, through its visitor’s browser', () => {
  it.each<[string, Record<string, string>]>([
    ['another site’s origin', { origin: 'https://evil.example' }],
    ['the origin of a sandboxed frame', { origin: 'null' }],
    ['our address at another port', { origin: 'http://127.0.0.1:1' }],
    ['a foreign name that resolves to us', { host: 'evil.example', origin: 'http://evil.example' }],
    ['a cross-site request without an origin of its own', { 'sec-fetch-site': 'cross-site' }],
    ['no header of ours, as a form sends it', { 'x-lamplighter': '' }],
  ])('%s: refused', async (_, headers) => {
    const { status } = await ask('POST', '/uploads?name=a.csv', { ...ours(), ...headers }, '1');
    expect(status).toBe(403);
    expect(s3.objects('d').size).toBe(0);
  });

  it('a POST without an origin is refused', async () => {
    const { status } = await ask('POST', '/uploads?name=a.csv', { host, 'x-lamplighter': 'upload' }, '1');
    expect(status).toBe(403);
    expect(s3.objects('d').size).toBe(0);
  });

  it('the page cannot be read under a foreign name that resolves to us, nor framed', async () => {
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

  it('on the page arrives in the data bucket, under the prefix of its model', async () => {
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

describe('a result', () => {
  const input = { bucket: 'd', key: 'raw/ünï <b>.csv', versionId: 'v', sizeBytes: 1 };
  const jobId = jobIdOf(input);
  const prefix = attemptPrefix(input.key, jobId, 1);
  const key = `${prefix}deep/out "1".bin`;
  const content = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
  const get = (wanted: string, headers: Record<string, string> = {}) =>
    ask('GET', `/results?${new URLSearchParams({ key: wanted }).toString()}`, { host, ...headers });

  beforeAll(() => {
    s3.put('o', key, content);
    s3.put('o', 'secret.txt', 'not a result');
    s3.put('o', `results/secret.txt`, 'of no job');
    s3.put('d', key, 'an upload of that key');
    const at = new Date().toISOString();
    const receipt = {
      ...{ version: 1, jobId, outcome: 'succeeded', pipeline: 'p', input, attempt: 1 },
      ...{ admittedAt: at, endedAt: at, nonce: 'n', instance: { bootId: 'b', drainId: 'd' } },
      model: { name: 'm', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'z' },
      outputs: [
        { key, sizeBytes: content.length },
        { key: 'results/../secret.txt', sizeBytes: 1 },
      ],
    };
    s3.put('o', receiptKey(input.key, jobId), JSON.stringify(receipt));
    s3.put('c', DRAIN_STATUS_KEY, 'the drain’s trace of the receipt');
  });

  it('arrives byte for byte, as a file to save and not as a page of ours', async () => {
    const { status, bytes, headers } = await get(key);
    expect(status).toBe(200);
    expect(bytes.equals(content)).toBe(true);
    expect(headers).toMatchObject({
      'content-length': String(content.length),
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="out %221%22.bin"; filename*=UTF-8''out%20%25221%2522.bin`,
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it('of each job is linked on the page, like its receipt, and other objects are not', async () => {
    const { text } = await ask('GET', '/', { host });
    const links = [...text.matchAll(/href="(\/results[^"]*)" download/g)].map(([, href = '']) => href);
    const keys = links.map((href) => new URL(href, live.url).searchParams.get('key'));
    expect(keys).toEqual([key, receiptKey(input.key, jobId)]);
    expect(text).not.toContain('<b>');
    for (const href of links) expect((await ask('GET', href, { host })).status).toBe(200);
  });

  it.each<[string, string]>([
    ['an object outside the results', 'secret.txt'],
    ['an object of no job', 'results/secret.txt'],
    ['a path out of the results', `results/../${'0'.repeat(64)}/attempt-1/x`],
    ['a path out of an attempt', `${prefix}../../secret.txt`],
    ['a path with a dot that stays inside', `${prefix}./deep/out "1".bin`],
    ['another bucket’s object', `../d/${key}`],
    ['a whole folder', prefix],
    ['no key', ''],
    ['a key that is too long for S3', `${prefix}${'x'.repeat(1000)}`],
  ])('is never %s', async (_, wanted) => {
    const { status, text } = await get(wanted);
    expect(status).toBe(422);
    expect(JSON.parse(text)).toEqual({ error: 'This is not the key of a result.' });
  });

  it('that does not exist gets a 404', async () => {
    expect((await get(`${prefix}missing`)).status).toBe(404);
  });

  it.each<[string, Record<string, string>]>([
    ['under a foreign name that resolves to us', { host: 'evil.example' }],
    ['with another site’s origin', { origin: 'https://evil.example' }],
    ['by another site’s link or picture', { 'sec-fetch-site': 'cross-site' }],
    ['by a page at another port of this machine', { 'sec-fetch-site': 'same-site' }],
  ])('is not read %s', async (_, headers) => {
    const { status, bytes } = await get(key, headers);
    expect(status).toBe(403);
    expect(bytes.length).toBeLessThan(200);
  });

  it.each([
    ['a.csv', `attachment; filename="a.csv"; filename*=UTF-8''a.csv`],
    ['a"; x="y\r\nset-cookie: z', /^attachment; filename="a%22; x=%22y%0D%0Aset-cookie%3A z"; /],
    ['größe 1.csv', `attachment; filename="gr__e 1.csv"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201.csv`],
    ['it’s (1)*.csv', /filename\*=UTF-8''it%E2%80%99s%20%281%29%252A\.csv$/],
    ['x\u202evsc.exe', /filename="x_vsc\.exe"/],
    ['..\\..\\evil.bat', /filename="\.\.%5C\.\.%5Cevil\.bat"/],
    ['con.csv', /filename="_con\.csv"/],
    ['', /filename="result"/],
  ])('named %j is saved under a name that cannot end early, nor point to another folder', (name, header) => {
    const made = attachment(`${prefix}${name}`);
    expect(made).toMatch(header);
    expect(made).toMatch(/^attachment; filename="[^"\\\p{Cc}/]+"; filename\*=UTF-8''[\w.~!$&+^`|%-]+$/u);
  });

  it('is streamed, and no longer read when the browser closes the connection', async () => {
    let read = 0;
    const endless = new Readable({
      read() {
        read += 1;
        this.push(Buffer.alloc(65_536));
      },
    });
    const s3 = { send: () => Promise.resolve({ Body: endless }) };
    const handle = { target: { clients: { s3 } }, manifest: { outputBucket: 'o' } };
    const other = await startLiveServer(handle as unknown as PipelineHandle);
    const asked = request(new URL(`/results?key=${encodeURIComponent(key)}`, other.url), { agent: false });
    const closed = once(endless, 'close').catch(() => undefined);
    asked.on('response', (answer) => answer.once('data', () => asked.destroy()));
    asked.on('error', () => undefined);
    asked.end();
    await closed;
    expect(endless.destroyed).toBe(true);
    expect(read).toBeLessThan(1_000);
    await other.close();
  });
});
