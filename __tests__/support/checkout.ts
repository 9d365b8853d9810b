import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_FOLDER } from '../../scripts/tools/project';

const SOURCES = ['main.ts', 'cdktf.json', 'package.json', 'tsconfig.json'];
const FOLDERS = ['handlers', 'lifecycle', 'modules', 'runner'];

/**
 * A copy of the deployed code, for a test that changes it. Its model is the puppet of the end-to-end tests.
 */
export class Checkout {
  readonly path = mkdtempSync(join(tmpdir(), 'lamplighter checkout '));

  constructor() {
    for (const name of [...SOURCES, ...FOLDERS]) {
      cpSync(join(PACKAGE_FOLDER, name), join(this.path, name), { recursive: true });
    }
    const puppet = join(PACKAGE_FOLDER, '__tests__', 'e2e', 'models', 'puppet');
    cpSync(puppet, join(this.path, 'models', 'puppet'), { recursive: true });
    symlinkSync(join(PACKAGE_FOLDER, 'node_modules'), join(this.path, 'node_modules'));
  }

  /** Replaces one text by another in a file. Throws if the file does not contain the text. */
  edit(file: string, from: string, to: string): void {
    const path = join(this.path, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not contain ${from}`);
    writeFileSync(path, text.replace(from, to));
  }

  /** Gives the puppet the line `wait FILE`: it runs until the file exists, for as long as the test needs. */
  letPuppetWait(): void {
    this.edit(
      'models/puppet/run',
      'sleep) sleep "$argument" ;;',
      'wait) until [ -e "$argument" ]; do sleep 0.1; done ;;',
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
