import { ConflictError, InvalidInputError, NewerVersionError } from '../../../lifecycle/errors';
import { gateSchema, type Gate } from '../../../lifecycle/records';
import { Store } from '../../../lifecycle/store';
import { FakeS3 } from '../../support/fake-s3';

const gate: Omit<Gate, 'nonce'> = {
  version: 1,
  state: 'OPEN',
  since: '2026-01-01T00:00:00.000Z',
  by: 'test',
  fruitless: 0,
  progressMark: '',
  lastEnd: '',
};
const lostAnswer = () => FakeS3.error('PreconditionFailed', 412);

function setUp() {
  const s3 = new FakeS3();
  return { s3, store: new Store(s3.client, 'control') };
}

describe('Store', () => {
  it('creates a record once, and returns false to a second writer', async () => {
    const { store } = setUp();
    expect(await store.create('open/x.json', { a: 1 })).toBe(true);
    expect(await store.create('open/x.json', { a: 1 })).toBe(false);
  });

  it('recognises its own write when the SDK retries a PUT whose answer was lost (412)', async () => {
    const { s3, store } = setUp();
    s3.fault({ command: 'PutObject', when: 'after', error: lostAnswer() });
    expect(await store.create('open/x.json', { a: 1 })).toBe(true);

    const stored = await store.replace<Gate>('gate.json', gate, undefined);
    s3.fault({ command: 'PutObject', when: 'after', error: lostAnswer() });
    const replaced = await store.replace<Gate>('gate.json', { ...gate, state: 'CLOSING' }, stored.etag);
    expect(replaced.record.state).toBe('CLOSING');
    await expect(store.replace<Gate>('gate.json', gate, replaced.etag)).resolves.toBeDefined();
  });

  it('does not mistake another writer’s equal record for its own', async () => {
    const { store } = setUp();
    const first = await store.replace<Gate>('gate.json', gate, undefined);
    await store.replace<Gate>('gate.json', gate, first.etag);
    await expect(store.replace<Gate>('gate.json', gate, first.etag)).rejects.toThrow(ConflictError);
  });

  it('throws ConflictError for a compare-and-set on a deleted object', async () => {
    const { store } = setUp();
    await expect(store.replace<Gate>('gate.json', gate, '"etag"')).rejects.toThrow(ConflictError);
  });

  it('retries while S3 answers 409 to conflicting writes', async () => {
    const { s3, store } = setUp();
    s3.fault({ command: 'PutObject', times: 2, error: FakeS3.error('ConditionalRequestConflict', 409) });
    expect(await store.create('open/x.json', {})).toBe(true);
  });

  it('distinguishes a missing record from an invalid record', async () => {
    const { s3, store } = setUp();
    expect(await store.get('gate.json', gateSchema)).toBeUndefined();
    expect(await store.exists('gate.json')).toBe(false);
    s3.put('control', 'gate.json', 'not json');
    await expect(store.get('gate.json', gateSchema)).rejects.toThrow(InvalidInputError);
    s3.put('control', 'gate.json', '{"version":1}');
    await expect(store.get('gate.json', gateSchema)).rejects.toThrow(/s3:\/\/control\/gate\.json.*state/s);
  });

  it('reads a record with keys of a later release of the same version, and tells a newer version apart', async () => {
    const { s3, store } = setUp();
    s3.put('control', 'gate.json', JSON.stringify({ ...gate, nonce: 'n', colour: 'green' }));
    expect((await store.get('gate.json', gateSchema))?.record.state).toBe(gate.state);
    s3.put('control', 'gate.json', '{"version":2}');
    await expect(store.get('gate.json', gateSchema)).rejects.toThrow(NewerVersionError);
    expect(await store.read('gate.json', gateSchema)).toMatchObject({ record: undefined, isNewer: true });
  });

  it('lists more than one page', async () => {
    const { s3, store } = setUp();
    for (let index = 0; index < 2_100; index += 1) s3.put('control', `open/${index}`, '');
    let count = 0;
    for await (const _ of store.list('open/')) count += 1;
    expect(count).toBe(2_100);
  });
});
