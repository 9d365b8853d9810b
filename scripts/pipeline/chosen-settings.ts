import { type PipelineSettings, readPipelines } from '../../modules/settings';
import { UsageError } from '../console/exit';
import { PROJECT_FOLDER, readCdktfConfig } from '../tools/project';

/**
 * The settings of the pipeline of that name. Without a name, the settings must have exactly one pipeline. Throws UsageError
 * otherwise, and what the parser of the settings throws.
 * @param context the context of cdktf.json
 */
export function chooseSettings(
  name: string | undefined,
  project = PROJECT_FOLDER,
  context: { readonly pipelines?: unknown } = readCdktfConfig(project).context,
): PipelineSettings {
  const pipelines = readPipelines(context.pipelines, project);
  const names = pipelines.map((pipeline) => pipeline.name).join(', ');
  const chosen = pipelines.filter((pipeline) => name === undefined || pipeline.name === name);
  const [only, ...others] = chosen;
  if (only && others.length === 0) return only;
  throw new UsageError(
    name === undefined
      ? `cdktf.json has several pipelines: ${names}. Choose one: --pipeline NAME`
      : `cdktf.json has no pipeline "${name}"; it has: ${names}.`,
  );
}
