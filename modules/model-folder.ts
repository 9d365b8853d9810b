import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { modelCardSchema, type ModelCard } from '../lifecycle/model';
import { byPath, deterministicZip, type ZipEntry } from './deterministic-zip';

/** A model's folder, read once. */
export interface ModelFolder {
  readonly card: ModelCard;
  /** SHA-256 over every file's path, executable bit and content, in hex. */
  readonly digest: string;
  /** The folder as one deterministic zip. */
  readonly zip: Uint8Array;
}

/** Names of files and folders that tools create. They are not part of the model. */
const IGNORED = new Set(['.venv', '__pycache__', '.DS_Store', '.git', 'node_modules']);

/**
 * Reads a model folder. Throws InvalidInputError, which names the file, if the folder or its model.json is missing or
 * invalid. Throws the same error if `run` is missing or not executable, or if the folder contains anything but files and folders.
 */
export function readModelFolder(folder: string): ModelFolder {
  if (!statOf(folder)?.isDirectory()) {
    throw new InvalidInputError(
      `there is no folder ${folder}; make one with model.json and an executable run`,
    );
  }
  const card = readCard(join(folder, 'model.json'));
  requireExecutable(join(folder, 'run'), 'run');
  if (statOf(join(folder, 'setup'))) requireExecutable(join(folder, 'setup'), 'setup');
  const files = [...filesBelow(folder, '')].sort(byPath);
  return { card, digest: digestOf(files), zip: deterministicZip(files) };
}

function readCard(file: string): ModelCard {
  if (!statOf(file)) {
    throw new InvalidInputError(
      `${file} is missing; it contains at least the model's name: { "name": "my-model" }`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new InvalidInputError(`${file} cannot be read as JSON: ${messageOf(cause)}`, { cause });
  }
  const parsed = modelCardSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(`${file} is not a model card:\n${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

function requireExecutable(file: string, name: string): void {
  const stats = statOf(file);
  if (!stats) throw new InvalidInputError(`${file} is missing; a model needs an executable called ${name}`);
  if (!stats.isFile() || !isExecutable(stats)) {
    throw new InvalidInputError(`${file} is not an executable file; chmod +x makes it one`);
  }
}

function* filesBelow(folder: string, prefix: string): Generator<Required<ZipEntry>> {
  for (const name of readdirSync(folder)) {
    if (IGNORED.has(name)) continue;
    const full = join(folder, name);
    const stats = lstatSync(full);
    if (stats.isDirectory()) yield* filesBelow(full, `${prefix}${name}/`);
    else if (stats.isFile()) {
      yield { path: `${prefix}${name}`, content: readFileSync(full), executable: isExecutable(stats) };
    } else {
      // On the instance a link's target would be missing, or would be another file.
      throw new InvalidInputError(`${full} is neither a file nor a folder; replace a link by its target`);
    }
  }
}

function digestOf(files: readonly Required<ZipEntry>[]): string {
  const total = createHash('sha256');
  for (const { path, content, executable } of files) {
    const own = createHash('sha256').update(content).digest('hex');
    total.update(`${JSON.stringify([path, executable, own])}\n`);
  }
  return total.digest('hex');
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isExecutable(stats: Stats): boolean {
  return (stats.mode & 0o100) !== 0;
}
