import { buildSync } from 'esbuild';
import { unzipSync } from 'fflate';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { bundleSources, type Bundles } from '../../modules/bundle';
import { deterministicZip } from '../../modules/deterministic-zip';
import { readModelFolder } from '../../modules/model-folder';
import { PROJECT, temporaryFolder, writeFiles, writeModel } from '../support/synth';

const bytes = (text: string) => new TextEncoder().encode(text);
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

describe('a zip', () => {
  const entries = [
    { path: 'run', content: bytes('#!/bin/sh\n'), executable: true },
    { path: 'data/é.txt', content: bytes('x'.repeat(10_000)) },
  ];

  test('is the same in any order', () => {
    expect(deterministicZip([...entries].reverse())).toEqual(deterministicZip(entries));
  });

  test.each([
    ['a name', [{ ...entries[0]!, path: 'ran' }, entries[1]!]],
    ['a content', [{ ...entries[0]!, content: bytes('#!/bin/bash\n') }, entries[1]!]],
    ['an executable bit', [{ ...entries[0]!, executable: false }, entries[1]!]],
  ])('changes with %s', (_, changed) => {
    expect(deterministicZip(changed)).not.toEqual(deterministicZip(entries));
  });

  test('can be read by other programs, with its executable bits', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.zip'), deterministicZip(entries));
    const listing = execFileSync('python3', ['-c', LIST_ZIP, join(folder, 'a.zip')], { encoding: 'utf8' });
    expect(JSON.parse(listing)).toEqual([
      ['data/é.txt', '0o100644', 10_000],
      ['run', '0o100755', 10],
    ]);
  });

  test('is the same in every time zone', () => {
    const folder = temporaryFolder();
    const script = join(folder, 'zip.cjs');
    buildSync({
      stdin: {
        contents: `import { deterministicZip } from './modules/deterministic-zip';
          process.stdout.write(deterministicZip([{ path: 'a', content: new TextEncoder().encode('a') }]));`,
        resolveDir: PROJECT,
      },
      bundle: true,
      platform: 'node',
      outfile: script,
    });
    const hashes = ['UTC', 'Pacific/Kiritimati', 'America/St_Johns'].map((TZ) =>
      sha256(execFileSync(process.execPath, [script], { env: { ...process.env, TZ } })),
    );
    expect(new Set(hashes).size).toBe(1);
  });
});

const LIST_ZIP = `
import json, sys, zipfile
entries = zipfile.ZipFile(sys.argv[1]).infolist()
print(json.dumps([[e.filename, oct(e.external_attr >> 16), e.file_size] for e in entries]))
`;

describe("a model's digest and zip", () => {
  const original = join(temporaryFolder(), 'model');
  writeModel(original, { name: 'echo' });
  writeFiles(original, { 'data/a': 'a', b: 'b' });
  const { digest, zip } = readModelFolder(original);
  const changed = (change: (folder: string) => void) => {
    const folder = join(temporaryFolder('lamp lighter-'), 'renamed');
    cpSync(original, folder, { recursive: true });
    change(folder);
    return readModelFolder(folder);
  };

  test.each<[string, (folder: string) => void]>([
    ['another folder, with a space in its name', () => undefined],
    ['other times', (folder) => utimesSync(join(folder, 'b'), 1, 1)],
    ['files that tools create', (folder) => writeFiles(folder, { '.venv/x': '', 'data/__pycache__/y': '' })],
    [
      'a link in an ignored folder',
      (folder) => {
        mkdirSync(join(folder, '.venv'));
        symlinkSync('/nowhere', join(folder, '.venv', 'python'));
      },
    ],
  ])('do not change with %s', (_, change) => {
    const other = changed(change);
    expect(other.digest).toBe(digest);
    expect(other.zip).toEqual(zip);
  });

  test.each<[string, (folder: string) => void]>([
    ['a content', (folder) => writeFiles(folder, { b: 'c' })],
    ['a name', (folder) => renameSync(join(folder, 'b'), join(folder, 'c'))],
    ['a folder', (folder) => renameSync(join(folder, 'data'), join(folder, 'date'))],
    ['an executable bit', (folder) => chmodSync(join(folder, 'b'), 0o755)],
    ['one file more', (folder) => writeFiles(folder, { c: '' })],
    ['one file less', (folder) => rmSync(join(folder, 'b'))],
  ])('change with %s, so that the instance fetches and sets it up again', (_, change) => {
    const other = changed(change);
    expect(other.digest).not.toBe(digest);
    expect(other.zip).not.toEqual(zip);
  });
});

describe('bundles', () => {
  const sources = (name: string) => {
    const folder = join(temporaryFolder(name), 'project');
    for (const handler of ['trigger', 'worker', 'stop']) {
      writeFiles(folder, {
        [`handlers/${handler}.ts`]: `export const handler = (): string => '${handler}';`,
      });
    }
    writeFiles(folder, {
      'runner/main.ts':
        "import { words } from './words';\nconsole.log(words.trim(), require('node:os').EOL.length);",
      'runner/words.ts': "export const words: string = process.argv[2] ?? '';",
    });
    return folder;
  };
  const folder = sources('lamplighter-');
  let bundles: Bundles;
  beforeAll(async () => {
    bundles = await bundleSources(folder);
  });

  test('are the same in another folder, under another working directory, at another time', async () => {
    const other = sources('lamp lighter ü-');
    utimesSync(join(other, 'handlers', 'stop.ts'), 1, 1);
    const before = process.cwd();
    try {
      process.chdir(other);
      expect(await bundleSources(other)).toEqual(bundles);
    } finally {
      process.chdir(before);
    }
  });

  test('have a new hash after every change, so that Lambda gets the new code', async () => {
    const other = sources('lamplighter-');
    writeFiles(other, { 'handlers/stop.ts': "export const handler = () => 'halt';" });
    const { handlers: changed } = await bundleSources(other);
    expect(changed.stop.sha256Base64).not.toBe(bundles.handlers.stop.sha256Base64);
    expect(changed.trigger.sha256Base64).toBe(bundles.handlers.trigger.sha256Base64);
  });

  test('contain index.js with the handler, which Lambda loads', () => {
    const files = unzipSync(bundles.handlers.worker.content);
    expect(Object.keys(files)).toEqual(['index.js']);
    const file = join(temporaryFolder(), 'index.cjs');
    writeFileSync(file, files['index.js']!);
    const answer = execFileSync(process.execPath, ['-p', `require(${JSON.stringify(file)}).handler()`]);
    expect(answer.toString()).toBe('worker\n');
  });

  test('contain a runner that runs as one file, even if a dependency calls require', () => {
    const file = join(temporaryFolder(), 'runner.mjs');
    writeFileSync(file, bundles.runner.content);
    expect(execFileSync(process.execPath, [file, ' hello '], { encoding: 'utf8' })).toBe('hello 1\n');
  });

  test('name a missing source file in the error', async () => {
    rmSync(join(folder, 'handlers', 'trigger.ts'));
    await expect(bundleSources(folder)).rejects.toThrow(
      `${join(folder, 'handlers', 'trigger.ts')} is missing`,
    );
  });
});
