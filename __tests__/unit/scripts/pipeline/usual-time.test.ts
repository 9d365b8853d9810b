import { usualText, usualTimes } from '../../../../scripts/pipeline/usual-time';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';

const at = (second: number) => new Date(Date.parse('2026-01-01T00:00:00.000Z') + second * 1000).toISOString();

it('the usual time is the median of the model’s own successes, without failures and other models', async () => {
  const place = new InMemoryPipeline();
  const took = (key: string, whole: number, run: number, more: object = {}) =>
    place.ended(key, { admittedAt: at(0), startedAt: at(whole - run), endedAt: at(whole), ...more });
  took('a.csv', 60, 20);
  took('b.csv', 100, 40);
  took('c.csv', 5000, 4000);
  took('d.csv', 1, 1, { outcome: 'failed' });
  took('e.csv', 1, 1, { model: { name: 'other', digest: 'd'.repeat(64), zipKey: 'z', zipVersionId: 'v' } });
  const now = place.account.clock.now();
  const [usual, ...others] = await usualTimes(place.handle, ['m', 'new'], now);
  expect(others).toEqual([]);
  expect(usual).toEqual({ model: 'm', count: 3, wholeMs: 100_000, runMs: 40_000 });
  expect(usualText(usual!)).toBe(
    'm usually takes 1 min 40 s from upload to receipt, of which 40.0 s is the model (median of 3)',
  );
});
