import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MissingError, BrokenError } from '../console/exit';
import { withoutOwnCredentials } from '../../local-cloud/local-environment';
import { announcedEnvironment } from '../../local-cloud/local-run';
import type { Target } from '../pipeline/target';
import { LOCAL_DIRECTORY, PROJECT_FOLDER } from '../tools/project';
import { systemCodeOf } from '../console/system-error';
import { Children } from '../tools/children';
import type { Facts } from './facts';

export interface PlanOptions {
  /** The stack's folder, in which Terraform has run. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** Where this checkout last ran Terraform for the pipeline. Throws MissingError when it never did. */
export async function planOptions({ cloud }: Target, pipeline: string): Promise<PlanOptions> {
  const environment =
    cloud === 'local'
      ? { ...withoutOwnCredentials(process.env), ...(await announcedEnvironment(LOCAL_DIRECTORY)) }
      : { ...process.env };
  const folder = join(environment.CDKTF_OUTPUT ?? join(PROJECT_FOLDER, 'cdktf.out'), 'stacks', pipeline);
  if (!existsSync(join(folder, 'cdk.tf.json'))) {
    throw new MissingError(`nothing is synthesized in ${folder}; run npx cdktf diff, which shows the same`);
  }
  return { folder, environment };
}

/**
 * Compares the account with the configuration of the last deploy (or diff). It takes no lock and changes nothing. Throws
 * BrokenError with Terraform's output.
 */
export async function planOf({ folder, environment }: PlanOptions): Promise<NonNullable<Facts['plan']>> {
  const children = new Children(new AbortController().signal);
  const program = environment.TERRAFORM_BINARY_NAME ?? 'terraform';
  const args = ['plan', '-detailed-exitcode', '-lock=false', '-input=false', '-no-color'];
  let end;
  try {
    end = await children.run(program, args, { cwd: folder, environment });
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw cause;
    throw new MissingError(`${program} is not on the PATH`, { cause });
  }
  // https://developer.hashicorp.com/terraform/cli/commands/plan#detailed-exitcode
  if (end.code === 0) return { differs: false, text: 'no changes' };
  if (end.code === 2) return { differs: true, text: /^Plan: .*$/m.exec(end.stdout)?.[0] ?? 'outputs only' };
  throw new BrokenError(`terraform plan failed: ${end.tail}`);
}
