import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import { brotliDecompressSync } from 'node:zlib';
import type * as records from '../../../lifecycle/records';

/*
 * The code and the records of the first release (commit 75fc3bb), whose readers refuse unknown keys. README.md in this folder
 * says how they were made.
 */

/** The text of a bundle. Packages from the registry are not in it. */
export function firstReleaseBundle(name: 'functions.cjs' | 'runner.mjs' | 'records.cjs'): string {
  return brotliDecompressSync(readFileSync(join(__dirname, `${name}.br`))).toString();
}

type Schemas = Pick<
  typeof records,
  | 'openRecordSchema'
  | 'claimSchema'
  | 'gateSchema'
  | 'drainStatusSchema'
  | 'statusSchema'
  | 'sessionSchema'
  | 'receiptSchema'
>;

/** The first release's schemas, in its own code. */
export function firstReleaseSchemas(): Schemas {
  const module: { exports: unknown } = { exports: {} };
  const load = compileFunction(firstReleaseBundle('records.cjs'), ['module', 'exports', 'require']) as (
    ...given: unknown[]
  ) => void;
  load(module, module.exports, require);
  return module.exports as Schemas;
}

/** Records that the first release wrote in its own simulator: one of each shape. */
export const FIRST_RELEASE_RECORDS = JSON.parse(
  readFileSync(join(__dirname, 'records.json'), 'utf8'),
) as readonly { readonly key: string; readonly record: object }[];
