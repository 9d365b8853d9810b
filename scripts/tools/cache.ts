import envPaths from 'env-paths';
import { isAbsolute } from 'node:path';
import { UsageError } from '../console/exit';

/**
 * The folder for what is fetched once and used by every run (Terraform, moto, the provider): LAMPLIGHTER_CACHE_DIR, else
 * the usual cache folder of the system. Throws UsageError when LAMPLIGHTER_CACHE_DIR is not an absolute path.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment.LAMPLIGHTER_CACHE_DIR;
  if (chosen === undefined || chosen === '') return envPaths('lamplighter', { suffix: '' }).cache;
  if (!isAbsolute(chosen)) {
    throw new UsageError(`LAMPLIGHTER_CACHE_DIR is "${chosen}"; it must be an absolute path.`);
  }
  return chosen;
}
