import { findCatch, mutationReport } from '../../../simulation/mutation-report';
import { KNOWN_CATCHES } from '../../../simulation/mutants';
import { MUTATIONS, type Mutation } from '../../../simulation/mutations';

const options = { histories: 1, seed: 1, workers: 1 };

const known = (wanted: string): Mutation => {
  const mutation = MUTATIONS.find(({ name }) => name === wanted);
  if (!mutation) throw new Error(`there is no mutation "${wanted}"`);
  return mutation;
};

/** Changes no behavior, so no check catches it. */
const HARMLESS: Mutation = {
  name: 'harmless',
  rule: 'S3',
  file: 'lifecycle/settle.ts',
  text: 'if (hold !== undefined) {',
  replacement: 'if (undefined !== hold) {',
};

describe('a mutation is caught', () => {
  const caughtLate = known('receipts are overwritten');

  it('by the known history, however long a search would take', async () => {
    expect(await findCatch(caughtLate, options)).toMatchObject({
      seedIs: 'remembered',
      violation: { seed: KNOWN_CATCHES[caughtLate.name]!.seed },
    });
  }, 60_000);

  it('by a search, if no history is known', async () => {
    const found = await findCatch(
      { ...known("people's hold is not heeded"), name: 'new' },
      { ...options, histories: 20 },
    );
    expect(found).toMatchObject({ seedIs: 'found now', violation: { check: 'hold is heeded' } });
  }, 60_000);

  it('by the known history if a new search ends before it, because some seeds come from longer runs', async () => {
    expect(await findCatch(caughtLate, { ...options, search: true })).toMatchObject({ seedIs: 'remembered' });
  }, 60_000);

  it('by the first history of a new search', async () => {
    const found = await findCatch(known("people's hold is not heeded"), {
      ...options,
      histories: 20,
      search: true,
    });
    expect(found).toMatchObject({ seedIs: 'found now' });
  }, 60_000);
});

describe('the report of the mutations', () => {
  async function report(mutations: readonly Mutation[]) {
    const printed: string[] = [];
    const output = { print: (text: string) => void printed.push(text), warn: () => undefined };
    const holds = await mutationReport(mutations, options, output);
    return { holds, table: printed.join('\n') };
  }

  it('succeeds with known seeds, and marks them as remembered', async () => {
    const { holds, table } = await report([known('receipts are overwritten')]);
    expect(table).toMatch(/receipts are overwritten +D12 +runner\/receipt.ts +\d+ +remembered/);
    expect(holds).toBe(true);
  }, 60_000);

  it('fails if no check catches a mutation: the rule is redundant, or the simulator is blind', async () => {
    const { holds, table } = await report([HARMLESS]);
    expect(table).toContain('NOTHING');
    expect(holds).toBe(false);
  }, 60_000);

  it('succeeds if no check catches a mutation that is declared redundant', async () => {
    expect(await report([{ ...HARMLESS, redundant: 'it changes nothing' }])).toMatchObject({ holds: true });
  }, 60_000);
});
