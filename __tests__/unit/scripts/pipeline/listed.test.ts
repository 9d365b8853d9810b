import { z } from 'zod';
import { DRAIN_STATUS_KEY, openKey, sessionKey, statusKey } from '../../../../lifecycle/job';
import { Store } from '../../../../lifecycle/store';
import { ListedLedger } from '../../../../scripts/pipeline/readings/listed-ledger';
import { ListedResults } from '../../../../scripts/pipeline/readings/listed-results';
import { listOpen } from '../../../../scripts/pipeline/readings/open-jobs';
import { FakeS3 } from '../../../support/fake-s3';

const id = (number: number) => number.toString(16).padStart(64, '0');
const launch = (number: number) => sessionKey(new Date(number * 3_600_000).toISOString());

let s3: FakeS3;
let control: Store;
beforeEach(() => {
  s3 = new FakeS3();
  control = new Store(s3.client, 'control');
});

const put = (key: string, text = '{}') => void s3.put('control', key, text);
const lists = () => s3.callsOf('ListObjectsV2').length;

async function keysOf(ledger: ListedLedger, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of ledger.list(prefix)) keys.push(key);
  return keys;
}

describe('a listing of the ledger', () => {
  it('shows what runs behind the sessions of years, without a request for each thousand of them', async () => {
    for (let number = 0; number < 9_000; number += 1) put(launch(number));
    for (let number = 0; number < 5; number += 1) put(openKey(id(number)));
    put(statusKey(id(1)));
    put('stops/a.json');
    const ledger = new ListedLedger(control);
    await ledger.refresh();
    expect(await keysOf(ledger, 'open/')).toHaveLength(5);
    expect(await keysOf(ledger, 'status/')).toEqual([statusKey(id(1))]);
    expect({ lists: lists(), pages: ledger.pages }).toEqual({ lists: 2, pages: 2 });
  });

  it('shows the sessions from the wanted one on', async () => {
    for (let number = 0; number < 5_000; number += 1) put(launch(number));
    put(statusKey(id(1)));
    const ledger = new ListedLedger(control, { sessionsFrom: () => launch(4_989) });
    await ledger.refresh();
    const keys = await keysOf(ledger, 'sessions/');
    expect(keys.slice(-10)).toEqual(Array.from({ length: 10 }, (_, index) => launch(4_990 + index)));
    expect(ledger.has(statusKey(id(1)))).toBe(true);
    expect(lists()).toBe(2);
  });

  it('ends where more open jobs are than are wanted, and a count of them says so', async () => {
    for (let number = 0; number < 9_500; number += 1) put(openKey(id(number)));
    put(statusKey(id(1)));
    const ledger = new ListedLedger(control, { most: 1_000 });
    await ledger.refresh();
    expect(lists()).toBe(3);
    expect(await listOpen(ledger, { most: 1_000 })).toMatchObject({
      isWhole: false,
      jobs: { length: 1_000 },
    });
    expect(ledger.has(statusKey(id(1)))).toBe(true);
    await new ListedLedger(control).refresh();
    expect(lists()).toBe(3 + 10);
  });

  it('reads an object again after a change, and not before; one that is gone is not read', async () => {
    const schema = z.object({ n: z.number() });
    const ledger = new ListedLedger(control);
    const read = async () => {
      await ledger.refresh();
      return (await ledger.get('gate.json', schema))?.record.n;
    };
    expect(await read()).toBeUndefined();
    put('gate.json', '{"n":1}');
    expect([await read(), await read()]).toEqual([1, 1]);
    put('gate.json', '{"n":2}');
    expect([await read(), await read()]).toEqual([2, 2]);
    put('gate.json', 'no JSON');
    await expect(read()).rejects.toThrow('not JSON');
    await expect(read()).rejects.toThrow('not JSON');
    s3.delete('control', 'gate.json');
    expect(await read()).toBeUndefined();
    expect(s3.callsOf('GetObject')).toHaveLength(3);
  });
});

describe('a listing of the results', () => {
  const output = () => new Store(s3.client, 'output');
  const receipt = (number: number) => `results/${number}.csv/${id(number)}/receipt.json`;

  async function look(ledger: ListedLedger, results: ListedResults): Promise<number> {
    await ledger.refresh();
    s3.calls.length = 0;
    await results.refresh();
    return lists();
  }

  it('is repeated when the drain has left a trace or a job is not open any more, and otherwise not', async () => {
    const ledger = new ListedLedger(control);
    const results = new ListedResults(output(), ledger, 5_000);
    put(openKey(id(1)));
    expect([await look(ledger, results), await look(ledger, results)]).toEqual([1, 0]);
    put(DRAIN_STATUS_KEY, 'a trace');
    s3.put('output', receipt(1), '{}');
    expect([await look(ledger, results), await look(ledger, results)]).toEqual([1, 0]);
    expect(results.has(receipt(1))).toBe(true);
    put(openKey(id(2)));
    expect(await look(ledger, results)).toBe(0);
    s3.delete('control', openKey(id(1)));
    expect([await look(ledger, results), await look(ledger, results)]).toEqual([1, 0]);
  });

  it('of three requests is not repeated before the third look, and no news is missed meanwhile', async () => {
    for (let number = 0; number < 2_500; number += 1) s3.put('output', receipt(number), '{}');
    const ledger = new ListedLedger(control);
    const results = new ListedResults(output(), ledger, 5_000);
    const counts: number[] = [];
    for (let number = 0; number < 7; number += 1) {
      put(DRAIN_STATUS_KEY, `trace ${Math.min(number, 2)}`);
      counts.push(await look(ledger, results));
    }
    expect(counts).toEqual([3, 0, 0, 3, 0, 0, 0]);
  });
});
