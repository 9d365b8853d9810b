import { readFileSync } from 'node:fs';
import { DOCUMENT, page } from '../../../bench/page';
import { rendered } from '../../../bench/render';

test('docs/BENCHMARKS.md is the page of the recorded results', async () => {
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(await page());
});

test('a table gives medians, the ratio to the line beside, and whether the goal is met', () => {
  const text = rendered({
    name: 'example',
    description: 'Loads.',
    machine: 'node 1',
    lines: [
      { name: 'floor', unit: 'ms', samples: [30, 10, 20] },
      { name: 'ours', unit: 'ms', samples: [30, 1234, 26], beside: 'floor', goal: { mostRatio: 1.4 } },
      { name: 'size', unit: 'kB', samples: [400.4], goal: { most: 500 } },
    ],
  });
  expect(text).toBe(
    `## example

Loads. \`npm run bench -- example\`; node 1.

|       | median | least–most | beside       | goal            |
| ----- | ------ | ---------- | ------------ | --------------- |
| floor | 20 ms  | 10–30      |              |                 |
| ours  | 30 ms  | 26–1,234   | 1.50 × floor | ≤ 1.4 ×: missed |
| size  | 400 kB | 400–400    |              | ≤ 500 kB: met   |
`,
  );
});
