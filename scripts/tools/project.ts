import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../console/exit';

/**
 * The folder of Lamplighter itself: its code, its example model, its price table, package.json and docs.
 * Commands only read it, except `estimate --refresh-prices`.
 */
export const PACKAGE_FOLDER = resolve(__dirname, '..', '..');

/**
 * The user's folder: the settings (cdktf.json), the models, cdktf.out with Terraform's state, `.lamplighter`.
 * Users work in a checkout of Lamplighter, so it is the package's folder.
 */
export const PROJECT_FOLDER = resolve(PACKAGE_FOLDER);

/**
 * The files of this project's local cloud. Git ignores them, and they may be deleted while the local cloud is down. The
 * environment variable LAMPLIGHTER_LOCAL_DIRECTORY names another folder, so that a second local cloud can run too.
 */
export const LOCAL_DIRECTORY = resolve(
  process.env.LAMPLIGHTER_LOCAL_DIRECTORY ?? join(PROJECT_FOLDER, '.lamplighter', 'local'),
);
/** The output of `cdktf` for the local cloud. Each stack's folder has its own Terraform state. */
export const LOCAL_OUTPUT = join(LOCAL_DIRECTORY, 'terraform');
export const LOCAL_RESULTS = join(LOCAL_DIRECTORY, 'results');
/** The Terraform CLI configuration that is written if a provider mirror is used. */
export const LOCAL_CLI_CONFIG = join(LOCAL_DIRECTORY, 'terraform.rc');

/** A function, because every command loads this file, and few need a schema. */
const cdktfSchema = () =>
  z.looseObject({
    app: z.string().min(1),
    context: z.record(z.string(), z.unknown()).default({}),
  });

type CdktfConfig = z.infer<ReturnType<typeof cdktfSchema>>;

/** Reads a project's cdktf.json. Throws UsageError if the file is missing or unreadable. */
export function readCdktfConfig(project = PROJECT_FOLDER): CdktfConfig {
  const path = join(project, 'cdktf.json');
  try {
    return cdktfSchema().parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new UsageError(`${path} cannot be used: ${why}`, { cause });
  }
}

/** A path as people read it: relative to the current folder, if that is shorter. */
export function shortPath(path: string, from = process.cwd()): string {
  const short = relative(from, path);
  return short !== '' && short.length < path.length ? short : path;
}
