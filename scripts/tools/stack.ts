import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BrokenError, UsageError } from '../console/exit';
import { readCdktfConfig } from './project';
import type { ChildEnd, ChildOptions, Children } from './children';

/** One stack of the project, and the program and environment that Terraform runs with. */
export interface StackOptions {
  /** The user's folder: it has cdktf.json and, as long as it is the package's folder too, main.ts. */
  readonly project: string;
  /** The settings. @default the context of the project's cdktf.json */
  readonly context?: object;
  /** The folder that is used instead of cdktf.out. */
  readonly outputFolder: string;
  /** The stack's name: the pipeline's name. */
  readonly stack: string;
  /** The whole environment of Terraform: the cloud's variables and Terraform's own. */
  readonly environment: NodeJS.ProcessEnv;
  readonly terraform: string;
  readonly children: Children;
  readonly onStep: (text: string) => void;
}

/**
 * Runs main.ts directly: the cdktf command line does no more, and takes seconds to start. Other files in the output folder,
 * such as a state, stay. If the project does not synthesize, throws UsageError with the program's last lines.
 */
export async function synthesize(options: StackOptions): Promise<void> {
  const { project, outputFolder, children } = options;
  options.onStep('the stack is synthesized');
  await mkdir(dirname(outputFolder), { recursive: true });
  const { code, tail } = await children.run(process.execPath, [require.resolve('tsx/cli'), 'main.ts'], {
    cwd: project,
    environment: {
      ...options.environment,
      CDKTF_OUTDIR: outputFolder,
      CDKTF_CONTEXT_JSON: JSON.stringify(options.context ?? readCdktfConfig(project).context),
    },
  });
  if (code !== 0) throw new UsageError(`The project does not synthesize:\n${tail}`);
}

/** Runs `terraform init` in the folder of the synthesized stack. */
export async function initialize(options: StackOptions): Promise<void> {
  options.onStep('terraform init');
  await terraform(options, ['init', '-input=false', '-no-color']);
}

/** Runs Terraform in the stack's folder. If Terraform fails, throws BrokenError with its last lines. */
export async function terraform(
  options: StackOptions,
  args: readonly string[],
  more: Pick<ChildOptions, 'onLine' | 'maxStdoutCharacters'> = {},
): Promise<ChildEnd> {
  const end = await options.children.run(options.terraform, args, {
    cwd: stackFolder(options),
    environment: options.environment,
    ...more,
  });
  if (end.code === 0) return end;
  throw new BrokenError(`terraform ${args[0] ?? ''} failed:\n${errorsIn(end.tail)}`);
}

const manifestSchema = z.looseObject({
  stacks: z.record(z.string(), z.looseObject({ name: z.string(), workingDirectory: z.string() })),
});

/** The folder of the synthesized stack, in which Terraform runs. Throws UsageError if main.ts makes no such stack. */
export function stackFolder({ outputFolder, stack }: Pick<StackOptions, 'outputFolder' | 'stack'>): string {
  const { stacks } = manifestSchema.parse(
    JSON.parse(readFileSync(join(outputFolder, 'manifest.json'), 'utf8')),
  );
  const found = stacks[stack];
  if (found) return join(outputFolder, found.workingDirectory);
  throw new UsageError(`main.ts makes no stack "${stack}"; it makes: ${Object.keys(stacks).join(', ')}`);
}

/** The output from the first error on. Terraform prints its warnings, which can be long, before its errors. */
function errorsIn(tail: string): string {
  const begin = tail.search(/^Error: /m);
  return begin < 0 ? tail : tail.slice(begin);
}
