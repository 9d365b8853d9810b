import type { Manifest } from '../../lifecycle/manifest';
import { readPipelines } from '../../modules/settings';
import type { Facts, ModelComparison } from './facts';

/**
 * Compares the deployed models with the folders of this checkout, by digest. Throws InvalidInputError when the settings
 * cannot be used.
 */
export function compareModels(
  { pipeline, models }: Manifest,
  { pipelines, project }: { readonly pipelines: unknown; readonly project: string },
): NonNullable<Facts['models']> {
  const own = Array.isArray(pipelines)
    ? pipelines.filter((entry: unknown) => nameOf(entry) === pipeline)
    : [];
  if (own.length === 0) return 'unknown';
  const folders = readPipelines(own, project).flatMap((settings) => settings.models);
  const deployed = models.map(({ name, digest }): ModelComparison => {
    const folder = folders.find(({ card }) => card.name === name);
    if (!folder) return { name, is: 'not in the settings' };
    return { name, is: folder.digest === digest ? 'same' : 'changed' };
  });
  const missing = folders
    .filter(({ card }) => !models.some(({ name }) => name === card.name))
    .map(({ card }): ModelComparison => ({ name: card.name, is: 'not deployed' }));
  return [...deployed, ...missing];
}

function nameOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : undefined;
}
