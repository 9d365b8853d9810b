import { isRunning } from './local-run';
import { MissingError } from '../scripts/console/exit';

/** The user's own variables that would send a tool's calls to AWS instead of the local cloud. */
export const OWN_CREDENTIALS = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
];

/** The environment of a child process that works against the local cloud. */
export function withoutOwnCredentials(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !OWN_CREDENTIALS.includes(name)));
}

/** The error of a command that needs a running local cloud and finds none. */
export async function notRunning(directory: string): Promise<MissingError> {
  return new MissingError(
    (await isRunning(directory))
      ? 'The local cloud of this checkout is still starting. Try again when its terminal shows "applied".'
      : 'No local cloud of this checkout is running. Start one in another terminal: npm start',
  );
}
