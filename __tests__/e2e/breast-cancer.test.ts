import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';

const FOLDER = resolve(__dirname, '../../models/breast-cancer');
const SETUP_LIMIT_MS = 5 * 60_000;

const havePython = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;
if (!havePython) {
  console.warn(
    'SKIPPED: the example model was not tested. Install python3 (3.9 to 3.14) with its venv module, for example: ' +
      'apt-get install python3-venv, dnf install python3.11, brew install python@3.12.',
  );
}

(havePython ? describe : describe.skip)('the breast-cancer model', () => {
  // With a space, as people's folders and uploads have them.
  const scratch = mkdtempSync(join(tmpdir(), 'breast cancer '));
  const model = join(scratch, 'model');

  beforeAll(() => {
    cpSync(FOLDER, model, { recursive: true, filter: (path) => basename(path) !== '.venv' });
    leaveWhatAKilledSetupLeaves();
    const setup = spawnSync(join(model, 'setup'), { cwd: model, encoding: 'utf8' });
    if (setup.status !== 0) throw new Error(`setup failed:\n${setup.stdout}${setup.stderr}`);
  }, SETUP_LIMIT_MS);

  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  describe('setup', () => {
    it('does nothing when it runs a second time', () => {
      const setup = spawnSync(join(model, 'setup'), { cwd: model, encoding: 'utf8' });
      expect(setup).toMatchObject({
        status: 0,
        stdout: 'The virtual environment is up to date.\n',
        stderr: '',
      });
    });

    it('names the package to install on a machine without Python', () => {
      const machine = machineWithoutPython();
      const setup = spawnSync('/bin/sh', ['-c', machine.command], { cwd: machine.folder, encoding: 'utf8' });
      expect(setup.status).toBe(1);
      expect(setup.stderr).toMatch(/^setup: No Python from 3\.9 to 3\.14 was found\. Install one: .+\n$/);
    });
  });

  describe('predictions', () => {
    it('are as good on unseen patients as metrics.json claims', () => {
      const { predictions } = succeed(sample('holdout.csv'));
      const truth = new Map(
        records(sample('holdout-diagnosis.csv')).map(({ id, diagnosis }) => [id, diagnosis]),
      );
      const right = predictions.filter(({ id, label }) => truth.get(id) === label).length;

      expect(predictions).toHaveLength(truth.size);
      expect(right / predictions.length).toBeGreaterThan(0.94);
      // metrics.json has six decimals.
      expect(right / predictions.length).toBeGreaterThanOrEqual(metrics().accuracy - 1e-6);
      expect(rocAuc(predictions, truth)).toBeGreaterThanOrEqual(metrics().rocAuc - 1e-4);
    });

    it('are malignant from the published threshold on, not only above one half', () => {
      const { predictions } = succeed(sample('holdout.csv'));
      const { threshold } = metrics();
      const probability = (row: Record<string, string>) => Number(row['probability_malignant']);

      expect(predictions.map(({ label }) => label)).toEqual(
        predictions.map((row) => (probability(row) >= threshold ? 'malignant' : 'benign')),
      );
      // Without such rows, the held-out data could not distinguish this threshold from one half.
      expect(predictions.some((row) => probability(row) >= threshold && probability(row) < 0.5)).toBe(true);
    });

    it('come from the network of the published metrics', () => {
      const { summary } = succeed(sample('patients.csv'));
      expect(summary['modelSha256']).toBe(metrics().modelSha256);
      expect(
        createHash('sha256')
          .update(readFileSync(join(FOLDER, 'model.onnx')))
          .digest('hex'),
      ).toBe(metrics().modelSha256);
    });

    it('write nothing to the home folder and send nothing, as newer versions of onnxruntime would', () => {
      const home = mkdtempSync(join(scratch, 'home '));
      const environment = { ...process.env, CI: undefined, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home };
      succeed(sample('patients.csv'), environment);
      expect(readdirSync(home)).toEqual([]);
    });

    it('do not depend on the order of the columns', () => {
      const table = cells(sample('patients.csv'));
      const reversed = csv(table.map((row) => [...row].reverse()));
      expect(succeed(reversed).predictions).toEqual(succeed(sample('patients.csv')).predictions);
    });

    it('keep the ids of the upload, whatever they contain', () => {
      const [header, ...rows] = cells(sample('patients.csv'));
      const ids = [
        '007',
        '',
        'Müller, "Ann"',
        ' x ',
        'a\nb',
        ...rows.slice(5).map((_, index) => `p${index}`),
      ];
      const upload = csv([header!, ...rows.map((row, index) => [ids[index]!, ...row.slice(1)])]);
      expect(succeed(upload).predictions.map(({ id }) => id)).toEqual(ids);
    });

    it('are numbered if the upload has no ids', () => {
      const { predictions } = succeed(csv(cells(sample('patients.csv')).map((row) => row.slice(1))));
      expect(predictions.map(({ row }) => row)).toEqual(predictions.map((_, index) => `${index + 1}`));
    });

    it.each<[string, (text: string) => string]>([
      ['a byte order mark', (text) => `\ufeff${text}`],
      ['CRLF line ends', (text) => text.replaceAll('\n', '\r\n')],
      ['quoted cells', (text) => csv(cells(text), (cell) => `"${cell}"`)],
      [
        'spaces around cells and capitals in the header',
        (text) => csv(cells(text), (cell) => ` ${cell} `).replace(/^.*/, (header) => header.toUpperCase()),
      ],
      ['spaces for underscores in the header', (text) => text.replace(/concave_points/g, 'concave points')],
      ['blank lines', (text) => text.replaceAll('\n', '\n\n')],
      ['no line end at the end', (text) => text.trimEnd()],
    ])('are the same for a file with %s', (_, change) => {
      const plain = succeed(sample('patients.csv')).predictions;
      const changed = succeed(change(sample('patients.csv'))).predictions;
      expect(changed.map(({ id, ...rest }) => ({ id: id!.trim(), ...rest }))).toEqual(plain);
    });

    it('have a summary that names the ignored columns', () => {
      const table = cells(sample('patients.csv'));
      const { predictions, summary } = succeed(
        csv(table.map((row, index) => [...row, index ? 'x' : 'Ward'])),
      );
      const malignant = predictions.filter(({ label }) => label === 'malignant').length;
      const mean =
        predictions.reduce((sum, row) => sum + Number(row['probability_malignant']), 0) / predictions.length;

      expect(summary).toMatchObject({
        rows: predictions.length,
        malignant,
        benign: predictions.length - malignant,
        threshold: metrics().threshold,
        ignoredColumns: ['Ward'],
      });
      expect(summary['meanProbability']).toBeCloseTo(mean, 5);
    });

    it('warn of measurements in units other than the network’s', () => {
      const table = cells(sample('patients.csv'));
      const radius = table[0]!.indexOf('radius_mean');
      const micrometres = csv(
        table.map((row, line) => (line ? row.with(radius, `${Number(row[radius]) * 1000}`) : row)),
      );
      expect(succeed(micrometres).summary).toMatchObject({ rows: 20, rowsOutsideTrainingRange: 20 });
    });
  });

  it('shows real progress while it works on a large file', () => {
    const [header, ...rows] = sample('holdout.csv').trimEnd().split('\n');
    const many = Array.from({ length: 20_000 }, (_, index) => rows[index % rows.length]);
    const { lines, predictions } = succeed([header, ...many, ''].join('\n'));

    expect(predictions).toHaveLength(20_000);
    const shares = lines.map((line) => Number(/^progress: ([01]\.\d\d) \S.*$/.exec(line)?.[1]));
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.length).toBeGreaterThanOrEqual(20);
    expect([shares.at(0), shares.at(-1)]).toEqual([0, 1]);
  });

  describe('a file that cannot be used gets no results, but one sentence that names the fault’s place:', () => {
    const allowed = 'it must be a number from 0 to 1000000 such as 17.99.';

    it.each<[string, string | Buffer, string]>([
      [
        'a word for a number',
        withCell(7, 'area_mean', 'n/a'),
        `Line 7, column area_mean: "n/a" is not allowed; ${allowed}`,
      ],
      ['NaN', withCell(2, 'radius_se', 'NaN'), `Line 2, column radius_se: "NaN" is not allowed; ${allowed}`],
      [
        'infinity',
        withCell(2, 'radius_se', 'inf'),
        `Line 2, column radius_se: "inf" is not allowed; ${allowed}`,
      ],
      [
        'a number that overflows',
        withCell(2, 'radius_se', '1e999'),
        `Line 2, column radius_se: "1e999" is not allowed; ${allowed}`,
      ],
      [
        'a negative number',
        withCell(21, 'texture_worst', '-1'),
        `Line 21, column texture_worst: "-1" is not allowed; ${allowed}`,
      ],
      [
        'a decimal comma',
        withCell(3, 'area_se', '"17,99"'),
        `Line 3, column area_se: "17,99" is not allowed; ${allowed}`,
      ],
      [
        'an underscore in a number',
        withCell(3, 'area_se', '1_0'),
        `Line 3, column area_se: "1_0" is not allowed; ${allowed}`,
      ],
      [
        'digits that are not ASCII',
        withCell(3, 'area_se', '٣'),
        `Line 3, column area_se: "٣" is not allowed; ${allowed}`,
      ],
      [
        'a cell of several lines',
        withCell(3, 'area_se', '"a\nb"'),
        `Line 3, column area_se: "a\\nb" is not allowed; ${allowed}`,
      ],
      [
        'a very long cell',
        withCell(3, 'area_se', 'x'.repeat(5000)),
        `Line 3, column area_se: "${'x'.repeat(39)}…" is not allowed; ${allowed}`,
      ],
      ['an empty cell', withCell(4, 'area_se', ' '), `Line 4, column area_se: the cell is empty; ${allowed}`],
      ['a cell too few', withLine(5, 'x,1,2'), 'Line 5 has 3 cells where the header has 31.'],
      ['a cell too many', withLine(5, (line) => `${line},1`), 'Line 5 has 32 cells where the header has 31.'],
      [
        'a misspelt column',
        withLine(1, (line) => line.replace('area_mean', 'areamean')),
        'The header (line 1) lacks the column area_mean; it has, unknown to the model, the column "areamean".',
      ],
      [
        'two missing columns',
        csv(cells(sample('patients.csv')).map((row) => row.slice(0, -2))),
        'The header (line 1) lacks the 2 columns symmetry_worst, fractal_dimension_worst.',
      ],
      [
        'a column twice',
        csv(cells(sample('patients.csv')).map((row) => [...row, row[1]!])),
        'The header (line 1) has the column radius_mean 2 times; once is allowed.',
      ],
      [
        'two ids',
        csv(cells(sample('patients.csv')).map((row) => [...row, row[0]!])),
        'The header (line 1) has the column id 2 times; once is allowed.',
      ],
      [
        'semicolons',
        sample('patients.csv').replaceAll(',', ';'),
        'The header (line 1) seems to be separated by semicolons; the cells must be separated by commas.',
      ],
      [
        'no header',
        sample('patients.csv').replace(/^.*\n/, ''),
        "Line 1 holds numbers, not a header; it must name the 30 columns radius_mean, texture_mean, perimeter_mean, area_mean, smoothness_mean and so on (the model's README.md lists all it knows).",
      ],
      [
        'a header only',
        sample('patients.csv').replace(/\n.*/s, '\n'),
        'The file has a header but no rows below it.',
      ],
      [
        'nothing',
        '',
        "The file is empty; line 1 must be a header with the 30 columns radius_mean, texture_mean, perimeter_mean, area_mean, smoothness_mean and so on (the model's README.md lists all it knows).",
      ],
      [
        'Latin-1',
        Buffer.from(
          withLine(3, (line) => line.replace(/^[^,]*/, 'Müller')),
          'latin1',
        ),
        'Line 3 is not UTF-8 (byte 0xfc): save the file as CSV in UTF-8.',
      ],
      [
        'UTF-16',
        Buffer.from(sample('patients.csv'), 'utf16le'),
        'Line 1 holds a NUL byte: the file must be text, saved as CSV in UTF-8.',
      ],
      [
        'a quote that is never closed',
        withCell(6, 'area_se', '"1'),
        'Line 6 is not valid CSV: unexpected end of data.',
      ],
      [
        'a fault after thousands of good rows',
        lateFault(),
        `Line 5002, column fractal_dimension_worst: "oops" is not allowed; ${allowed}`,
      ],
    ])('%s', (_, content, message) => {
      const { status, stderr, results } = run({ 'upload.csv': content });
      expect(stderr).toBe(`${message}\n`);
      expect({ status, results }).toEqual({ status: 1, results: [] });
    });

    it('no file at all', () => {
      expect(run({})).toMatchObject({
        status: 1,
        stderr: 'The input folder holds no file; exactly one CSV file is needed.\n',
      });
    });

    it('two files', () => {
      expect(run({ 'a.csv': sample('patients.csv'), 'b.csv': '' })).toMatchObject({
        status: 1,
        stderr: 'The input folder holds 2 files ("a.csv", "b.csv"); exactly one CSV file is needed.\n',
      });
    });
  });

  function leaveWhatAKilledSetupLeaves(): void {
    mkdirSync(join(model, '.venv', 'bin'), { recursive: true });
    writeFileSync(join(model, '.venv', 'bin', 'python'), 'half a file');
    chmodSync(join(model, '.venv', 'bin', 'python'), 0o755);
  }

  function machineWithoutPython(): { folder: string; command: string } {
    const folder = mkdtempSync(join(scratch, 'bare '));
    cpSync(join(FOLDER, 'setup'), join(folder, 'setup'));
    mkdirSync(join(folder, 'bin'));
    return {
      folder,
      command: 'ln -s "$(command -v dirname)" bin/dirname && PATH="$PWD/bin" PYTHON= ./setup',
    };
  }

  function run(files: Record<string, string | Buffer>, environment = process.env) {
    const job = mkdtempSync(join(scratch, 'job '));
    const [input, output] = [join(job, 'in put'), join(job, 'out put')];
    mkdirSync(input);
    mkdirSync(output);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(input, name), content);
    const { status, stdout, stderr } = spawnSync(join(model, 'run'), [input, output], {
      encoding: 'utf8',
      env: environment,
    });
    return { status, stdout, stderr, output, results: readdirSync(output).sort() };
  }

  function succeed(content: string, environment = process.env) {
    const { status, stdout, stderr, output, results } = run({ 'patients of May.csv': content }, environment);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(results).toEqual(['predictions.csv', 'summary.json']);
    return {
      lines: stdout.trimEnd().split('\n'),
      predictions: records(readFileSync(join(output, 'predictions.csv'), 'utf8')),
      summary: JSON.parse(readFileSync(join(output, 'summary.json'), 'utf8')) as Record<string, unknown>,
    };
  }
});

function metrics() {
  return JSON.parse(readFileSync(join(FOLDER, 'metrics.json'), 'utf8')) as {
    accuracy: number;
    rocAuc: number;
    threshold: number;
    modelSha256: string;
  };
}

/** The share of (malignant, benign) pairs whose probabilities are in the right order. */
function rocAuc(
  predictions: Record<string, string>[],
  truth: Map<string | undefined, string | undefined>,
): number {
  const of = (diagnosis: string) =>
    predictions
      .filter(({ id }) => truth.get(id) === diagnosis)
      .map((row) => Number(row['probability_malignant']));
  const pairs = of('malignant').flatMap((m) => of('benign').map((b) => (m > b ? 1 : m === b ? 0.5 : 0)));
  return pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length;
}

function sample(name: string): string {
  return readFileSync(join(FOLDER, 'samples', name), 'utf8');
}

function withCell(line: number, column: string, cell: string): string {
  const position = cells(sample('patients.csv'))[0]!.indexOf(column);
  return withLine(line, (text) => text.split(',').with(position, cell).join(','));
}

function withLine(line: number, change: string | ((text: string) => string)): string {
  const lines = sample('patients.csv').split('\n');
  return lines.with(line - 1, typeof change === 'string' ? change : change(lines[line - 1]!)).join('\n');
}

function lateFault(): string {
  const [header, row] = sample('patients.csv').split('\n');
  const rows = Array.from({ length: 5000 }, () => row!);
  return [header!, ...rows, row!.replace(/[^,]*$/, 'oops'), ''].join('\n');
}

function cells(text: string): string[][] {
  return parse(text);
}

function records(text: string): Record<string, string>[] {
  return parse(text, { columns: true });
}

function csv(table: string[][], written: (cell: string) => string = quotedIfNeeded): string {
  return table.map((row) => `${row.map(written).join(',')}\n`).join('');
}

function quotedIfNeeded(cell: string): string {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
