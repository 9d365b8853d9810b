import { findCatch, mutationReport } from '../../../simulation/mutation-report';
import { KNOWN_SEEDS } from '../../../simulation/mutants';
import { MUTATIONS, type Mutation } from '../../../simulation/mutations';

const options = { histories: 1, seed: 1, workers: 1 };

const known = (wanted: string): Mutation => {
  const mutation = MUTATIONS.find(({ name }) => name === wanted);
  if (!mutation) throw new Error(`there is no mutation "${wanted}"`);
  return mutation;
};

/** Takes nothing away, so nothing catches it. */
const HARMLESS: Mutation = {
  name: 'harmless',
  file: 'lifecycle/settle.ts',
  text: 'if (hold !== undefined) {',
  replacement: 'if (undefined !== hold) {',
};

describe('a mutation is caught', () => {
  const late = known('receipts are overwritten');

  it('by the history that is remembered, however far a search would have to go', async () => {
    expect(await findCatch(late, options)).toMatchObject({
      seedIs: 'remembered',
      violation: { seed: KNOWN_SEEDS[late.name] },
    });
  }, 60_000);

  it('by a search, where no history is remembered', async () => {
    const found = await findCatch(
      { ...known("people's hold is not heeded"), name: 'new' },
      { ...options, histories: 20 },
    );
    expect(found).toMatchObject({ seedIs: 'found now', violation: { check: 'hold is heeded' } });
  }, 60_000);

  it('by the remembered one when a search anew ends before it: some are from runs longer than any search', async () => {
    expect(await findCatch(late, { ...options, search: true })).toMatchObject({ seedIs: 'remembered' });
  }, 60_000);

  it('by the first of a search anew', async () => {
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

  it('holds with seeds that are remembered, and says so', async () => {
    const { holds, table } = await report([known('receipts are overwritten')]);
    expect(table).toMatch(/receipts are overwritten +runner\/receipt.ts +\d+ +remembered/);
    expect(holds).toBe(true);
  }, 60_000);

  it('does not hold when nothing catches one: the rule is redundant, or the simulator blind', async () => {
    const { holds, table } = await report([HARMLESS]);
    expect(table).toContain('NOTHING');
    expect(holds).toBe(false);
  }, 60_000);

  it('holds when nothing catches one that is declared redundant', async () => {
    expect(await report([{ ...HARMLESS, redundant: 'it changes nothing' }])).toMatchObject({ holds: true });
  }, 60_000);
});
