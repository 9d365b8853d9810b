import { PassThrough } from 'node:stream';
import { UploadBars } from '../../../../scripts/commands/submit/upload-bars';

const file = (name: string, sizeBytes: number) => ({
  file: `/data/${name}`,
  key: name,
  sizeBytes,
  model: 'm',
});

function screen(columns: number) {
  const texts: string[] = [];
  const write = (text: string) => texts.push(text) > 0;
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, write });
  return { stream, text: () => texts.join('') };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it.each([40, 100])('each file has a bar, and all files together have one, within %i columns', (columns) => {
  const { stream, text } = screen(columns);
  const planned = [file('a.csv', 100), file(`long\u001b${'x'.repeat(50)}.csv`, 300)];
  const bars = new UploadBars(planned, stream);
  for (const one of planned) bars.begin(one).update(100);
  jest.advanceTimersByTime(1000);
  bars.stop();
  expect(text()).toContain('a.csv');
  expect(text()).toMatch(/all 2 .*50 %/);
  expect(text()).not.toContain('\u001bx');
  const lines = text()
    .replace(/\u001b[78]|\u001b\[[?0-9;]*[A-Za-z]/g, '\n')
    .split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
});

it('without a terminal, no bar is drawn in between the lines of a log', () => {
  // The library's default is stderr, if that is a terminal.
  const { isTTY } = process.stderr;
  Object.assign(process.stderr, { isTTY: true });
  const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const bars = new UploadBars([file('a.csv', 1)], undefined);
    const bar = bars.begin(file('a.csv', 1));
    bar.update(1);
    jest.advanceTimersByTime(1000);
    bar.end();
    bars.stop();
    expect(written).not.toHaveBeenCalled();
  } finally {
    written.mockRestore();
    Object.assign(process.stderr, { isTTY });
  }
});
