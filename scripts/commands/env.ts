import type { Command } from 'commander';
import { announcedEnvironment } from '../../local-cloud/local-run';
import { EXITS, addHelp } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit } from '../console/exit';
import { shellQuoted } from '../console/shell-quoted';
import type { Terminal } from '../console/terminal';
import { OWN_CREDENTIALS, notRunning } from '../../local-cloud/local-environment';
import { LOCAL_DIRECTORY } from '../tools/project';

interface EnvOptions {
  readonly json: boolean;
}

export function addEnv(root: Command, { terminal }: CommandContext): void {
  const command = root
    .command('env')
    .description('print shell variables that make aws, terraform and cdktf use the running local cloud')
    .option('--json', 'print the variables as JSON', false)
    .action((options: EnvOptions) => env(options, terminal));
  addHelp(command, {
    examples: [
      ['eval "$(npx lamplighter env)" && npx cdktf deploy --skip-provider-lock', ''],
      ['env --json', 'for a program; it must also unset AWS_PROFILE and AWS_SESSION_TOKEN'],
    ],
    exits: {
      ...EXITS.basic,
      [Exit.missing]: 'no local cloud of this checkout is running, or it is still starting',
    },
  });
}

/** Prints the shell lines that make aws, terraform and cdktf use the running local cloud. As JSON, prints the variables alone. */
export async function env(
  { json }: EnvOptions,
  terminal: Terminal,
  directory = LOCAL_DIRECTORY,
): Promise<void> {
  const environment = await announcedEnvironment(directory);
  if (!environment) {
    // `eval "$(lamplighter env)" && cdktf deploy` must end here. Otherwise cdktf would deploy to AWS.
    if (!json) terminal.out('false');
    throw await notRunning(directory);
  }
  if (json) terminal.out(JSON.stringify(sorted(environment), null, 2));
  else for (const line of exportLines(environment)) terminal.out(line);
}

export function exportLines(environment: Readonly<Record<string, string>>): string[] {
  return [
    `unset ${OWN_CREDENTIALS.join(' ')}`,
    ...Object.entries(sorted(environment)).map(([name, value]) => `export ${name}=${shellQuoted(value)}`),
  ];
}

function sorted(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)));
}
