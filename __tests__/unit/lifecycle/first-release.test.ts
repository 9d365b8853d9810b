import type * as z from 'zod/mini';
import {
  auditCursorSchema,
  claimSchema,
  drainStatusSchema,
  gateSchema,
  openRecordSchema,
  receiptSchema,
  sessionSchema,
  statusSchema,
} from '../../../lifecycle/records';
import { runHistory } from '../../../simulation/history';
import { SimS3 } from '../../../simulation/s3';
import { FIRST_RELEASE_RECORDS, firstReleaseSchemas } from '../../support/first-release/bundles';

/** The kinds of record, by the beginning of their keys. The first that fits counts. */
const SCHEMAS: readonly (readonly [prefix: string, schema: z.ZodMiniType])[] = [
  ['open/', openRecordSchema],
  ['claims/', claimSchema],
  ['gate.json', gateSchema],
  ['status/drain.json', drainStatusSchema],
  ['status/', statusSchema],
  ['sessions/', sessionSchema],
  ['audit.json', auditCursorSchema],
  ['results/', receiptSchema],
];

const kindOf = (key: string) => SCHEMAS.find(([prefix]) => key.startsWith(prefix));

describe('records of the first release', () => {
  it('are here of every kind', () => {
    const kinds = new Set(FIRST_RELEASE_RECORDS.map(({ key }) => kindOf(key)?.[0]));
    expect(kinds).toEqual(new Set(SCHEMAS.map(([prefix]) => prefix)));
  });

  it.each(FIRST_RELEASE_RECORDS.map(({ key, record }) => [key.slice(0, 20), key, record] as const))(
    '%s… is read with all its keys, or a deploy would lose open jobs and receipts',
    (_name, key, record) => {
      expect(kindOf(key)?.[1].parse(record)).toEqual(record);
    },
  );

  it('may get keys of a later release, also in their parts', () => {
    for (const { key, record } of FIRST_RELEASE_RECORDS) {
      expect(kindOf(key)?.[1].parse(withMoreKeys(record))).toEqual(record);
    }
  });
});

describe('readers of the first release', () => {
  const schemas = firstReleaseSchemas();
  /** A reader of the first release deletes an open record, or ignores a gate, that it cannot read. */
  const read: readonly (readonly [prefix: string, schema: z.ZodMiniType])[] = [
    ['open/', schemas.openRecordSchema],
    ['claims/', schemas.claimSchema],
    ['gate.json', schemas.gateSchema],
    ['status/drain.json', schemas.drainStatusSchema],
    ['status/', schemas.statusSchema],
    ['sessions/', schemas.sessionSchema],
  ];

  it.each(read)('refuse more keys in %s, so that this test means something', (prefix, schema) => {
    const first = FIRST_RELEASE_RECORDS.find(({ key }) => kindOf(key)?.[0] === prefix)?.record;
    expect(schema.safeParse(first).success).toBe(true);
    expect(schema.safeParse({ ...first, more: 1 }).success).toBe(false);
  });

  it('read all that this release writes, or a drain that outlives a deploy would delete open jobs', async () => {
    const put = jest.spyOn(SimS3.prototype, 'put');
    for (let seed = 1; seed <= 25; seed += 1) await runHistory({ seed });
    const written = put.mock.calls.map(([, input]) => input as { Key: string; Body: string });
    put.mockRestore();
    const seen = new Set<string>();
    for (const { Key, Body } of written) {
      const [prefix, schema] = read.find(([beginning]) => Key.startsWith(beginning)) ?? [];
      if (prefix === undefined || !schema) continue;
      seen.add(prefix);
      expect({ Key, error: schema.safeParse(JSON.parse(Body)).error }).toEqual({ Key, error: undefined });
    }
    expect(seen).toEqual(new Set(read.map(([prefix]) => prefix)));
  });
});

/** The record with a key more in itself and in each of its parts. */
function withMoreKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMoreKeys);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value).map(([key, part]) => [key, withMoreKeys(part)] as const);
  return { ...Object.fromEntries(parts), ofLater: 'release' };
}
