import type { Plugin } from 'esbuild';
import { readFile } from 'node:fs/promises';

/*
 * What a bundle of the AWS SDK does without. esbuild drops by itself what no code reaches. Each cut here concerns code that
 * esbuild keeps although the functions and the runner never run it. A cut changes nothing that runs:
 *
 * - It writes the same value in another way (`inlined`, `versionOf`). A test compares the values.
 * - Or it replaces a package that only an unused feature loads. The replacement throws, so a use of it is an error that
 *   every test sees.
 */

/** Where a part gets its credentials: a function from its environment, the runner also from the instance's metadata. */
export type CredentialSource = 'environment' | 'environment or instance';

/** The replacements of packages. Their keys are the packages' names. */
const REPLACED = {
  /** Event streams are the answers of S3's SelectObjectContent and of Lambda's InvokeWithResponseStream. */
  eventStreams: {
    packages: /^@smithy\/core\/event-streams$/,
    contents: `
      const refuse = () => {
        throw new Error('this bundle has no event streams: see modules/bundle-cuts.ts');
      };
      export const eventStreamSerdeProvider = () => ({ serialize: refuse, deserialize: refuse });
      export const resolveEventStreamSerdeConfig = (config) =>
        Object.assign(config, { eventStreamMarshaller: config.eventStreamSerdeProvider(config) });
      export class EventStreamSerde { constructor() { refuse(); } }`,
  },
  /**
   * The SDK's chain of credential providers asks each in turn, until one does not throw an error with `tryNextLink`.
   * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/setting-credentials-node.html
   */
  files: {
    packages: /^@aws-sdk\/credential-provider-(sso|ini|process|web-identity|http)$/,
    contents: skippedProviders(['fromSSO', 'fromIni', 'fromProcess', 'fromTokenFile', 'fromHttp']),
  },
  instance: {
    packages: /^@smithy\/credential-provider-imds$/,
    contents: `${skippedProviders(['fromContainerMetadata', 'fromInstanceMetadata'])}
      export const ENV_CMDS_FULL_URI = 'AWS_CONTAINER_CREDENTIALS_FULL_URI';
      export const ENV_CMDS_RELATIVE_URI = 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI';`,
  },
} as const;

function skippedProviders(names: readonly string[]): string {
  return `const skipped = () => async () => {
        throw Object.assign(new Error('this bundle has no such provider: see modules/bundle-cuts.ts'), {
          name: 'CredentialsProviderError',
          tryNextLink: true,
        });
      };
      export { ${names.map((name) => `skipped as ${name}`).join(', ')} };`;
}

/** The cuts as a plugin of esbuild. */
export function bundleCuts(credentials: CredentialSource): Plugin {
  const { eventStreams, files, instance } = REPLACED;
  const replaced = [eventStreams, files, ...(credentials === 'environment' ? [instance] : [])];
  return {
    name: 'bundle cuts',
    setup(build) {
      for (const { packages, contents } of replaced) {
        build.onResolve({ filter: packages }, ({ path }) => ({
          path,
          namespace: 'cut',
          pluginData: contents,
        }));
      }
      build.onLoad({ filter: /.*/, namespace: 'cut' }, ({ pluginData }) => ({
        contents: pluginData as string,
        loader: 'js',
      }));
      build.onLoad({ filter: SCHEMAS }, async ({ path }) => ({
        contents: inlined(await readFile(path, 'utf8'), path),
        loader: 'js',
      }));
      build.onLoad({ filter: CLIENT_PACKAGE }, async ({ path }) => ({
        contents: versionOf(await readFile(path, 'utf8')),
        loader: 'json',
      }));
    },
  };
}

/** A client's schemas: one array for each operation and for each of its shapes. */
export const SCHEMAS = /[\\/]dist-es[\\/]schemas[\\/]schemas_\d+\.js$/;

/**
 * A client's schemas with their keys as literals: `{ [_xN]: 1 }` becomes `{ "xmlName": 1 }`. esbuild keeps an array with a
 * computed key even if nothing reads it, because a key's `toString` could do something. Then all operations stay, of EC2
 * half a megabyte.
 */
export function inlined(text: string, path: string): string {
  const constants = [...text.matchAll(/^const (_\w+) = ("(?:[^"\\\n]|\\.)*");$/gm)];
  const values = new Map(constants.map(([, name, literal]) => [name, literal]));
  return text.replace(/\[(_\w+)\]:/g, (key, name: string) => {
    const literal = values.get(name);
    // In an object literal, `"__proto__": x` sets the prototype, and `["__proto__"]: x` a property.
    if (literal === undefined || literal === '"__proto__"') {
      throw new Error(
        `${path} has the key ${key}, which is no string constant; correct modules/bundle-cuts.ts`,
      );
    }
    return `${literal}:`;
  });
}

/** A client reads its own package.json for the version in its user agent. */
const CLIENT_PACKAGE = /[\\/]@aws-sdk[\\/]client-[\w-]+[\\/]package\.json$/;

function versionOf(text: string): string {
  const { version } = JSON.parse(text) as { version: string };
  return JSON.stringify({ version });
}
