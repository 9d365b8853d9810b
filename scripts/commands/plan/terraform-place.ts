import { join } from 'node:path';
import { announcedEnvironment } from '../../../local-cloud/local-run';
import type { Terminal } from '../../console/terminal';
import { notRunning, withoutOwnCredentials } from '../../../local-cloud/local-environment';
import type { Target } from '../../pipeline/target';
import type { Children } from '../../tools/children';
import { LOCAL_CLI_CONFIG, readCdktfConfig } from '../../tools/project';
import { provideTerraformTools } from '../../tools/provide';
import type { StackOptions } from '../../tools/stack';

interface PlaceOptions {
  readonly target: Target;
  readonly children: Children;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly project: string;
  /** Folder of the local cloud. */
  readonly directory: string;
}

/** The program, the folder and the environment of `cdktf deploy` in a shell that is set up for the cloud. */
export async function terraformPlace(
  options: PlaceOptions,
): Promise<Pick<StackOptions, 'outputFolder' | 'environment' | 'terraform'>> {
  const { target, children, signal, terminal, project, directory } = options;
  const say = (text: string) => terminal.err(text);
  const tools = await provideTerraformTools({ children, signal, cliConfigFile: LOCAL_CLI_CONFIG, say });
  const terraform = tools.terraform.program;
  if (target.cloud === 'local') {
    const announced = await announcedEnvironment(directory);
    const outputFolder = announced?.CDKTF_OUTPUT;
    if (outputFolder === undefined) throw await notRunning(directory);
    return { outputFolder, terraform, environment: { ...withoutOwnCredentials(process.env), ...announced } };
  }
  const { output } = readCdktfConfig(project);
  const outputFolder =
    process.env.CDKTF_OUTPUT ?? join(project, typeof output === 'string' ? output : 'cdktf.out');
  const environment = { ...process.env, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', ...tools.variables };
  return { outputFolder, terraform, environment };
}
