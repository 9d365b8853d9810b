import {
  InvalidInputError,
  LamplighterError,
  awsCodeOf,
  httpStatusOf,
  messageOf,
} from '../../lifecycle/errors';
import { CommandError, Exit, type ExitCode } from './exit';
import { systemCodeOf } from './system-error';

interface Explained {
  readonly message: string;
  readonly exitCode: ExitCode;
}

/** The exit code of an error, and a message with the cause and the remedy. */
export function explain(error: unknown): Explained {
  if (error instanceof CommandError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof InvalidInputError) return { message: error.message, exitCode: Exit.usage };
  if (error instanceof LamplighterError) return { message: error.message, exitCode: Exit.broken };
  const text = messageOf(error);
  const code = awsCodeOf(error);
  return (
    credentials(code, text) ??
    region(code, text) ??
    permission(error, code, text) ??
    network(error, text) ?? { message: code === undefined ? text : `${code}: ${text}`, exitCode: Exit.broken }
  );
}

const missing = (message: string): Explained => ({ message, exitCode: Exit.missing });

const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']);

const UNKNOWN = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidAccessKeyId',
  'AuthFailure',
]);

const SKEWED = new Set(['RequestTimeTooSkewed', 'InvalidSignatureException', 'SignatureDoesNotMatch']);

const SIGN_IN = 'aws sso login, or new keys in AWS_PROFILE or the environment';

function credentials(code: string | undefined, text: string): Explained | undefined {
  if (code === undefined) return undefined;
  // The credentials provider reports an expired SSO session, with a code that no service uses.
  if (EXPIRED.has(code) || (UNKNOWN.has(code) && /expired/i.test(text)))
    return missing(`Your AWS credentials have expired (${text}). Sign in again: ${SIGN_IN}`);
  if (UNKNOWN.has(code)) {
    return missing(
      `No valid AWS credentials were found (${text}). Sign in (aws configure, aws sso login, AWS_PROFILE), or start the local cloud: npm start`,
    );
  }
  if (SKEWED.has(code)) {
    return missing(
      `AWS does not accept the signature (${text}). Check this machine's clock, and that the secret key belongs to the access key.`,
    );
  }
  return undefined;
}

const MOVED = ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'];

function region(code: string | undefined, text: string): Explained | undefined {
  if (text === 'Region is missing')
    return missing('No AWS region is set. Pass --region REGION or set AWS_REGION.');
  if (code === undefined || !MOVED.includes(code)) return undefined;
  const expected = /expecting '([a-z0-9-]+)'/.exec(text)?.[1];
  return missing(
    `The bucket is in another AWS region (${text}). Pass its region: --region ${expected ?? 'REGION'}`,
  );
}

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'Forbidden',
  'AllAccessDisabled',
]);

/** Most services' responses name the permission. The response to a HEAD request has no body and cannot. */
function permission(error: unknown, code: string | undefined, text: string): Explained | undefined {
  if (!DENIED.has(code ?? '') && httpStatusOf(error) !== 403) return undefined;
  const [, action] = /not authorized to perform:? ([\w-]+:\w+)/.exec(text) ?? [];
  const [, resource] = /on resource: (\S+)/.exec(text) ?? [];
  const [, identity] = /User: (\S+) is/.exec(text) ?? [];
  const permissionText =
    action === undefined
      ? 'a permission that AWS does not name, often s3:GetObject or s3:ListBucket'
      : `the permission ${action}${resource === undefined ? '' : ` on ${resource}`}`;
  return {
    message:
      `${identity ?? 'Your AWS identity'} lacks ${permissionText} (${code ?? 'HTTP 403'}: ${text}). ` +
      'Ask an administrator for it, or use another profile: AWS_PROFILE=NAME; aws sts get-caller-identity shows who you are.',
    exitCode: Exit.broken,
  };
}

const UNREACHED = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH'];

function network(error: unknown, text: string): Explained | undefined {
  const code = systemCodeOf(error);
  if (code === undefined || !UNREACHED.includes(code)) return undefined;
  const isLocal = /127\.0\.0\.1|localhost|::1/.test(text);
  return missing(
    isLocal
      ? `The local cloud does not answer (${text}): it has stopped. Start it again: npm start; or pass --cloud aws`
      : `AWS could not be reached (${text}). Check the network and the region; --region REGION sets another`,
  );
}
