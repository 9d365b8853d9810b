import { readHold, readIdentity, readSpotNotice } from '../../../runner/metadata';
import { metadataService } from '../../support/metadata-service';

const HOLD = 'meta-data/tags/instance/lamplighter:hold';
const IDENTITY = 'dynamic/instance-identity/document';
const SPOT = 'meta-data/spot/instance-action';

const noRoute: typeof fetch = () => Promise.reject(new Error('no route'));

describe('the tag lamplighter:hold', () => {
  test('is read from the instance’s own tags', async () => {
    expect(await readHold(metadataService({ [HOLD]: 'because' }))).toBe('held');
    expect(await readHold(metadataService({ [HOLD]: '' }))).toBe('held');
    expect(await readHold(metadataService({}))).toBe('not held');
  });

  test('is unknown when the metadata service fails or is silent', async () => {
    expect(await readHold(metadataService({ [HOLD]: 500 }))).toBe('unknown');
    expect(await readHold(() => Promise.resolve(new Response('', { status: 403 })))).toBe('unknown');
    expect(await readHold(noRoute)).toBe('unknown');
  });
});

describe('the identity document', () => {
  const document = JSON.stringify({ instanceId: 'i-1', pendingTime: '2030-01-01T00:00:07Z', region: 'r' });

  test('names the instance and its launch as EC2 reports it, so that a stop’s record is found', async () => {
    const read = await readIdentity(metadataService({ [IDENTITY]: document }), []);
    expect(read).toEqual({ instanceId: 'i-1', launchedAt: '2030-01-01T00:00:07.000Z' });
  });

  test('is read again if an answer is missing', async () => {
    let calls = 0;
    const service = metadataService({ [IDENTITY]: document });
    const read = await readIdentity(
      (url, init) => (++calls <= 2 ? noRoute(url) : service(url, init)),
      [0, 0, 0],
    );
    expect(read?.instanceId).toBe('i-1');
  });

  test.each([['not JSON'], ['{}'], ['{"instanceId":"i-1","pendingTime":"yesterday"}']])(
    'a document that cannot be used is none: %s',
    async (text) => {
      expect(await readIdentity(metadataService({ [IDENTITY]: text }), [0])).toBeUndefined();
    },
  );

  test('a service that never answers ends after some tries', async () => {
    expect(await readIdentity(noRoute, [0, 0])).toBeUndefined();
  });
});

describe('the notice of a spot interruption', () => {
  test('is put into words', async () => {
    const text = JSON.stringify({ action: 'stop', time: '2030-01-01T00:02:00Z' });
    const notice = 'EC2 takes the spot instance away at 2030-01-01T00:02:00Z (stop)';
    expect(await readSpotNotice(metadataService({ [SPOT]: text }))).toBe(notice);
    expect(await readSpotNotice(metadataService({ [SPOT]: 'soon' }))).toBe(
      'EC2 takes the spot instance away',
    );
  });

  test('is absent while EC2 leaves the instance alone, and while the service is silent', async () => {
    expect(await readSpotNotice(metadataService({}))).toBeUndefined();
    expect(await readSpotNotice(metadataService({ [SPOT]: 503 }))).toBeUndefined();
    expect(await readSpotNotice(noRoute)).toBeUndefined();
  });
});
