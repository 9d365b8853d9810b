import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, sep } from 'node:path';

/** Most file systems take 255 bytes a name. */
const MAX_NAME_BYTES = 200;

/**
 * A key of a bucket as a path below a folder. Keys are anybody's text: whatever they hold, the path stays inside the folder,
 * and each of its names can be made on any usual file system.
 */
export function localPath(folder: string, key: string): string {
  const names = key
    .split('/')
    .filter((name) => name !== '')
    .map(safeName);
  const path = join(folder, ...(names.length === 0 ? ['_'] : names));
  const inside = relative(folder, path);
  // Cannot happen, as every name is safe; but this is the line that all else rests on.
  if (inside === '' || isAbsolute(inside) || inside.split(sep).includes('..')) {
    throw new Error(`${JSON.stringify(key)} would be written outside ${folder}`);
  }
  return path;
}

/**
 * Paths for several keys, no two the same and none the folder of another: a bucket may hold both `a` and `a/b`, a disk may
 * not, and many disks do not tell `A` from `a`.
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

/** The folders between a path and the folder that all is in, as they are compared. */
function parentsOf(path: string, folder: string): string[] {
  const names = relative(folder, path).split(sep).slice(0, -1);
  return names.map((_, index) => fold(join(folder, ...names.slice(0, index + 1))));
}

const fold = (path: string) => path.normalize('NFC').toLowerCase();

/** A name that any usual file system takes; whatever it was, it is no path. */
export function safeName(name: string): string {
  const safe = name
    .replace(/[\u0000-\u001f\u007f-\u009f<>:"\\|?*%]/g, percent)
    .replace(/^\.+$|[. ]$/, (dots) => dots.replace(/./g, percent))
    // Names that Windows keeps for devices, whatever follows the first dot.
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
