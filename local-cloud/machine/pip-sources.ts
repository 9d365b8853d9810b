import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The host's configuration of pip for a machine. */
export interface PipSources {
  /** Files and folders that are mounted read-only, at the same path. */
  readonly mounts: readonly string[];
  /** The text of the user's own configuration file. Models cannot read it in the user's home folder. */
  readonly configuration: string | undefined;
  /** The variables PIP_* of the host. */
  readonly variables: Readonly<Record<string, string>>;
}

/** pip's configuration files and PIP_* variables of the host, with the local files and folders that they name. */
export function pipSources(environment: NodeJS.ProcessEnv = process.env, home = homedir()): PipSources {
  const own = [
    environment.PIP_CONFIG_FILE ?? '',
    join(home, '.config', 'pip', 'pip.conf'),
    join(home, '.pip', 'pip.conf'),
  ].find((file) => file !== '' && existsSync(file));
  const configuration = own === undefined ? undefined : readFileSync(own, 'utf8');
  const shared = ['/etc/pip.conf', '/etc/xdg/pip/pip.conf'].filter((file) => existsSync(file));
  const variables = Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        /^PIP_[A-Z_]+$/.test(entry[0]) && entry[0] !== 'PIP_CONFIG_FILE' && entry[1] !== undefined,
    ),
  );
  const texts = [
    configuration ?? '',
    ...shared.map((file) => readFileSync(file, 'utf8')),
    ...Object.values(variables),
  ];
  const named = texts.flatMap(pathsIn).filter((path) => existsSync(path));
  return { mounts: withoutNested([...new Set([...shared, ...named])]), configuration, variables };
}

/** The absolute paths and file URLs in a text. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(/(?:^|[\s=])(?:file:\/\/)?(\/[^\s]+)/gm)].map(([, path = '']) =>
    decodeURIComponent(path),
  );
}

/** A mounted folder has its own files already. The folder of a `simple` index has its packages beside it. */
function withoutNested(paths: readonly string[]): string[] {
  const roots = paths.map((path) => path.replace(/\/simple\/?$/, ''));
  return roots.filter((path) => path !== '/' && !roots.some((other) => path.startsWith(`${other}/`)));
}
