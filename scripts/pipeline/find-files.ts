import { readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';

/** A file that somebody named, or that lies in a folder that somebody named. */
interface FoundFile {
  /** As it was named, or below what was named. */
  readonly name: string;
  readonly file: string;
  /** The end of its key: the file's name, or its path below the folder, with slashes. */
  readonly tail: string;
  readonly isInFolder: boolean;
}

/** Puts in place of each folder the files in it, at any depth; hidden ones are left out, links to folders not followed. */
export function filesIn(names: readonly string[], from = process.cwd()): FoundFile[] {
  return names.flatMap((name): FoundFile[] => {
    const path = resolve(from, name);
    if (!isFolder(path)) return [{ name, file: path, tail: basename(path), isInFolder: false }];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isFile() || (entry.isSymbolicLink() && isFile(join(entry.parentPath, entry.name))),
      )
      .map((entry) => relative(path, join(entry.parentPath, entry.name)))
      .filter((inside) => !inside.split(sep).some((part) => part.startsWith('.')))
      .sort()
      .map((inside) => ({
        name: join(name, inside),
        file: join(path, inside),
        tail: inside.split(sep).join('/'),
        isInFolder: true,
      }));
  });
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // Whoever looks at it as a file says what is wrong.
    return false;
  }
}
