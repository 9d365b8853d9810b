import { zipSync, type Zippable } from 'fflate';

export interface ZipEntry {
  /** The name inside the zip, with forward slashes. */
  readonly path: string;
  readonly content: Uint8Array;
  /** @default false */
  readonly executable?: boolean;
}

/** The time of every zip entry. A zip stores local time without a zone, so this local noon is the same in every zone. */
const FIXED_TIME = new Date(1980, 0, 1, 12);
/** The "made by" byte. It declares that the upper half of the attributes is a Unix mode. */
const UNIX = 3;
const REGULAR_FILE = 0o100000;

/** A zip whose bytes depend only on names, contents and executable bits: not on folder, clock, time zone or order. */
export function deterministicZip(entries: readonly ZipEntry[]): Uint8Array {
  const files: Zippable = {};
  for (const { path, content, executable = false } of [...entries].sort(byPath)) {
    const mode = REGULAR_FILE | (executable ? 0o755 : 0o644);
    files[path] = [content, { mtime: FIXED_TIME, os: UNIX, attrs: (mode << 16) >>> 0, level: 6 }];
  }
  return zipSync(files);
}

/** Compares by code unit, which does not depend on the locale. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
