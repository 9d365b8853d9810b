import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../console/exit';

/** The checkout that this command line belongs to. */
export const PROJECT = resolve(__dirname, '..', '..');

/**
 * What the local cloud of this checkout keeps; git-ignored, and safe to delete while it is not running. The environment variable
 * LAMPLIGHTER_LOCAL_DIRECTORY names another folder, so that a second local cloud can run beside the first.
 */
export const LOCAL_DIRECTORY = resolve(
  process.env.LAMPLIGHTER_LOCAL_DIRECTORY ?? join(PROJECT, '.lamplighter', 'local'),
);
/** `cdktf`'s output of the local run, with a state of its own in each stack's folder. */
export const LOCAL_OUTPUT = join(LOCAL_DIRECTORY, 'terraform');
export const LOCAL_RESULTS = join(LOCAL_DIRECTORY, 'results');
/** A Terraform CLI configuration, written where a provider mirror is used. */
export const LOCAL_CLI_CONFIG = join(LOCAL_DIRECTORY, 'terraform.rc');

const cdktfSchema = z.looseObject({
  app: z.string().min(1),
  context: z.record(z.string(), z.unknown()).default({}),
});

export type CdktfConfig = z.infer<typeof cdktfSchema>;

/** cdktf.json of a checkout. Throws UsageError when it is missing or unreadable. */
export function readCdktfConfig(project = PROJECT): CdktfConfig {
  const path = join(project, 'cdktf.json');
  try {
    return cdktfSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new UsageError(`${path} cannot be used: ${why}`, { cause });
  }
}

/** A path as a person reads it: relative to where they are, if that is shorter. */
export function shortPath(path: string, from = process.cwd()): string {
  const short = relative(from, path);
  return short !== '' && short.length < path.length ? short : path;
}
