import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleSimulator } from '../../../simulation/bundle';
import { inChild } from '../../../simulation/children';
import type { Mutation } from '../../../simulation/mutations';

const BEGINS = '  const shape = new Random(seed, 1);';
const inHistory = (name: string, statement: string): Mutation => ({
  name,
  rule: 'S1',
  file: 'simulation/history.ts',
  text: BEGINS,
  replacement: `${statement}\n${BEGINS}`,
});
const batch = { kind: 'batch', task: { firstSeed: 1, histories: 5 } };

describe('a simulator process that ends in an error names the seed, so that the history can be replayed', () => {
  it('when a history throws', async () => {
    const bundle = await bundleSimulator(
      inHistory('throws', "if (seed === 3) throw new Error('out of luck');"),
    );
    await expect(inChild(bundle, batch)).rejects.toThrow(
      'an error in the history of seed 3: Error: out of luck',
    );
  }, 60_000);

  it('when a promise rejects that no code awaits', async () => {
    const bundle = await bundleSimulator(
      inHistory('rejects unawaited', "if (seed === 3) void Promise.reject(new Error('out of luck'));"),
    );
    await expect(inChild(bundle, batch)).rejects.toThrow(
      /an error in the history of seed [345] or one shortly before it: Error: out of luck/,
    );
  }, 60_000);
});

describe('the bundle of a long run', () => {
  const [ONE, OTHER] = ['one', 'other'].map((what) => `if (seed < 0) throw new Error('${what}');`) as [
    string,
    string,
  ];

  it('stays when the code changes, so that new processes run the same code as the first', async () => {
    const first = await bundleSimulator(inHistory('edited', ONE));
    const code = readFileSync(first, 'utf8');
    expect(await bundleSimulator(inHistory('edited', OTHER))).not.toBe(first);
    expect(readFileSync(first, 'utf8')).toBe(code);
    expect(await bundleSimulator(inHistory('edited', ONE))).toBe(first);
  }, 60_000);

  it('is removed when it is older than a day, so that bundles do not fill the disk', async () => {
    const folder = dirname(await bundleSimulator());
    const [old, young] = [join(folder, 'old.cjs'), join(folder, 'young.cjs')];
    for (const [file, hours] of [
      [old, 25],
      [young, 23],
    ] as const) {
      writeFileSync(file, '');
      const then = Date.now() / 1000 - hours * 3600;
      utimesSync(file, then, then);
    }
    await bundleSimulator();
    expect(() => statSync(old)).toThrow('ENOENT');
    expect(statSync(young).size).toBe(0);
    rmSync(young);
  }, 60_000);
});
