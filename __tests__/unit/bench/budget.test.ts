import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { overBudget, type Budget } from '../../../bench/budget';
import { PROJECT } from '../../support/synth';

const recorded = JSON.parse(readFileSync(join(PROJECT, 'bench', 'budget.json'), 'utf8')) as Budget;

test('what was recorded is within the budget, and 2 % more is', () => {
  expect(overBudget(recorded, recorded)).toEqual([]);
  const start = Object.fromEntries(
    Object.entries(recorded.starts).map(([name, ratio]) => [name, ratio * 1.019]),
  );
  expect(overBudget(recorded, { ...recorded, starts: start })).toEqual([]);
});

test('a bundle that is too large is named, with the packages that grew, the most first', () => {
  const { trigger } = recorded.sizes;
  const packages = {
    ...trigger.packages,
    lifecycle: trigger.packages.lifecycle! + 9_000,
    'left-pad': 20_000,
  };
  const sizes = { ...recorded.sizes, trigger: { bytes: trigger.bytes + 29_000, packages } };
  expect(overBudget(recorded, { ...recorded, sizes })).toEqual([
    `trigger: ${trigger.bytes + 29_000} bytes instead of ${trigger.bytes}. Grown: left-pad by 20000, lifecycle by 9000`,
  ]);
});

test('a start that takes too many instructions is named, and one that was not measured', () => {
  const { worker: _, ...others } = recorded.starts;
  const stop = recorded.starts.stop! * 1.03;
  expect(overBudget(recorded, { ...recorded, starts: { ...others, stop } })).toEqual([
    expect.stringMatching(/^worker: /),
    expect.stringMatching(/^stop: a start takes .* instead of/),
  ]);
});
