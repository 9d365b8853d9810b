import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rendered, type Result } from './render';

const ROOT = join(__dirname, '..');
/** The folder of the recorded results, one file for each benchmark. */
export const RESULTS = join(ROOT, 'bench', 'results');
/** The page of all results. */
export const DOCUMENT = join(ROOT, 'docs', 'BENCHMARKS.md');
const HEADING = `# Benchmarks

What Lamplighter's own speed and size are, each beside something of the same run. \`npm run bench -- NAME --record\` measures
anew and writes this page and \`bench/results/\`. The machines on which these were measured are noisy: only ratios compare.
`;

/** The page that the recorded results give. A test compares docs/BENCHMARKS.md with it. */
export async function page(): Promise<string> {
  const files = (await readdir(RESULTS)).filter((file) => file.endsWith('.json')).sort();
  const results = await Promise.all(files.map((file) => readFile(join(RESULTS, file), 'utf8')));
  return [HEADING, ...results.map((text) => rendered(JSON.parse(text) as Result))].join('\n');
}
