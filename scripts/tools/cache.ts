import envPaths from 'env-paths';
import { isAbsolute } from 'node:path';
import { UsageError } from '../console/exit';

/**
 * The folder of downloads that all runs share: Terraform, moto, the provider. It is LAMPLIGHTER_CACHE_DIR, or
 * else the system's usual cache folder. Throws UsageError if LAMPLIGHTER_CACHE_DIR is not an absolute path.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment.LAMPLIGHTER_CACHE_DIR;
  if (chosen === undefined || chosen === '') return envPaths('lamplighter', { suffix: '' }).cache;
  if (!isAbsolute(chosen)) {
    throw new UsageError(`LAMPLIGHTER_CACHE_DIR is "${chosen}"; it must be an absolute path.`);
  }
  return chosen;
}
