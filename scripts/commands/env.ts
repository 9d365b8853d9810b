import type { Terminal } from '../console/terminal';
import { MissingError } from '../console/exit';
import { announcedEnvironment, isRunning } from '../../local-cloud/local-run';
import { LOCAL_DIRECTORY } from '../tools/project';

/** Variables of the user's own that would lead a tool past the local cloud. */
const IN_THE_WAY = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN'];

/**
 * Prints what a shell must evaluate for plain aws, terraform and cdktf to work against the running local cloud; as JSON, the
 * variables alone.
 */
export async function env(
  { json }: { readonly json: boolean },
  terminal: Terminal,
  directory = LOCAL_DIRECTORY,
): Promise<void> {
  const environment = await announcedEnvironment(directory);
  if (!environment) {
    if (json) throw await notRunning(directory);
    // So that `eval "$(lamplighter env)" && cdktf deploy` ends here, and does not deploy to AWS.
    terminal.out('false');
    throw await notRunning(directory);
  }
  if (json) terminal.out(JSON.stringify(sorted(environment), null, 2));
  else for (const line of exportLines(environment)) terminal.out(line);
}

/** Why there are no variables of a local cloud. */
export async function notRunning(directory: string): Promise<MissingError> {
  return new MissingError(
    (await isRunning(directory))
      ? 'The local cloud of this checkout is still being set up. Try again when its terminal has shown "applied".'
      : 'No local cloud of this checkout is running. Start one in another terminal: npm start',
  );
}

export function exportLines(environment: Readonly<Record<string, string>>): string[] {
  return [
    `unset ${IN_THE_WAY.join(' ')}`,
    ...Object.entries(sorted(environment)).map(([name, value]) => `export ${name}=${shellQuoted(value)}`),
  ];
}

function sorted(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** In single quotes a POSIX shell changes nothing, but cannot hold a single quote. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The environment of a child that is to work against the local cloud. */
export function withoutOwnCredentials(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !IN_THE_WAY.includes(name)));
}
