import { OutputLines } from '../../../runner/output-lines';
import { progressIn } from '../../../runner/status';

function read(...chunks: (string | Buffer)[]): { lines: string[]; tail: string } {
  const lines: string[] = [];
  const output = new OutputLines((line) => lines.push(line));
  for (const chunk of chunks) output.write(Buffer.from(chunk as string));
  output.end();
  return { lines, tail: output.tail };
}

test('lines are whole although the pipe cuts them, even in the middle of a character', () => {
  const bytes = Buffer.from('první řádek\ndruhý\n');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(read(bytes.subarray(0, cut), bytes.subarray(cut)).lines).toEqual(['první řádek', 'druhý']);
  }
});

test('a last line without a line end is not lost', () => {
  expect(read('a\nb').lines).toEqual(['a', 'b']);
});

test('each rewrite of a progress bar is a line', () => {
  expect(read('10%\r20%\r\n30%').lines).toEqual(['10%', '20%', '30%']);
});

test('an endless line does not fill the memory', () => {
  const { lines, tail } = read(...Array.from({ length: 100 }, () => 'x'.repeat(10_000)));
  expect(lines).toEqual(['x'.repeat(2_000)]);
  expect(tail).toHaveLength(16_384);
});

test('the tail keeps the last lines whole: the cause of a failure is at the end', () => {
  const { tail } = read(...Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`));
  expect(tail.startsWith('line ')).toBe(true);
  expect(tail.endsWith('line 4999\n')).toBe(true);
});

test.each([
  ['progress: 0.42 some words', { progress: 0.42, message: 'some words' }],
  ['progress: 1', { progress: 1 }],
  ['progress:.5', { progress: 0.5 }],
  ['progress: 0', { progress: 0 }],
])('%j is progress', (line, progress) => {
  expect(progressIn(line)).toEqual(progress);
});

test.each(['progress: 42 rows', 'progress: soon', 'progress: -1', 'in progress: 0.5', 'progress: 0.5.5', ''])(
  '%j is an ordinary line, not a broken status record',
  (line) => {
    expect(progressIn(line)).toBeUndefined();
  },
);

test('a long message is cut, so that the status record stays small', () => {
  expect(progressIn(`progress: 0.5 ${'x'.repeat(5_000)}`)?.message).toHaveLength(200);
});
