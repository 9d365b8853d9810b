import { readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';

/** A file that was named on the command line, or that is in a folder that was named. */
interface FoundFile {
  /** The name as it was typed; for a file in a folder, the folder's name and the path below it. */
  readonly name: string;
  readonly file: string;
  /** The end of the file's key: its name, or its path below the folder, with slashes. */
  readonly tail: string;
  readonly isInFolder: boolean;
}

/** Replaces each folder by its files, at any depth. Hidden files are left out, and links to folders are not followed. */
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
    // The path is then treated as a file, and `planUploads` reports what is wrong with it.
    return false;
  }
}
