import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, sep } from 'node:path';

/** Maximum bytes of a file name. Most file systems accept 255. */
const MAX_NAME_BYTES = 200;

/**
 * Turns a key of a bucket into a path below a folder. Any person may have chosen the key: the path stays inside the folder
 * whatever the key is, and usual file systems accept each of the path's names.
 */
export function localPath(folder: string, key: string): string {
  const names = key
    .split('/')
    .filter((name) => name !== '')
    .map(safeName);
  const path = join(folder, ...(names.length === 0 ? ['_'] : names));
  const inside = relative(folder, path);
  // Every name is safe already. This check stays, because all downloads rely on it.
  if (inside === '' || isAbsolute(inside) || inside.split(sep).includes('..')) {
    throw new Error(`${JSON.stringify(key)} would be written outside ${folder}`);
  }
  return path;
}

/**
 * Paths for several keys. No two paths are the same, and no path is the folder of another. A bucket may have both `a` and
 * `a/b`, which a disk cannot have, and many disks treat `A` and `a` as one name.
 */
export function localPaths(folder: string, keys: readonly string[]): Map<string, string> {
  const files = new Set<string>();
  const folders = new Set<string>();
  const paths = new Map<string, string>();
  for (const key of keys) {
    const wanted = localPath(folder, key);
    const isFree =
      !files.has(fold(wanted)) &&
      !folders.has(fold(wanted)) &&
      !parentsOf(wanted, folder).some((parent) => files.has(parent));
    const path = isFree ? wanted : localPath(folder, `${shortHash(key)}-${key.split('/').at(-1) ?? ''}`);
    files.add(fold(path));
    for (const parent of parentsOf(path, folder)) folders.add(parent);
    paths.set(key, path);
  }
  return paths;
}

/** The folders between `folder` and a path, folded for comparison. */
function parentsOf(path: string, folder: string): string[] {
  const names = relative(folder, path).split(sep).slice(0, -1);
  return names.map((_, index) => fold(join(folder, ...names.slice(0, index + 1))));
}

const fold = (path: string) => path.normalize('NFC').toLowerCase();

/** Makes a name that usual file systems accept, and that has no path separator. */
export function safeName(name: string): string {
  const safe = name
    .replace(/[\u0000-\u001f\u007f-\u009f<>:"\\|?*%]/g, percent)
    .replace(/^\.+$|[. ]$/, (dots) => dots.replace(/./g, percent))
    // Windows reserves these names for devices, with any ending.
    .replace(/^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i, '_$1');
  if (Buffer.byteLength(safe) <= MAX_NAME_BYTES) return safe;
  const kept = Buffer.from(safe)
    .subarray(0, MAX_NAME_BYTES - 20)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
  return `${kept}~${shortHash(name)}`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
