import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Children } from '../../../../scripts/tools/children';
import { MOTO, type MotoOptions, provideMoto } from '../../../../scripts/tools/moto';
import { script, temporaryFolder } from '../stand-ins';

describe('moto on a fresh machine', () => {
  const folder = temporaryFolder();
  let run = 0;
  let cache: string;
  let bin: string;
  let log: string;

  beforeEach(() => {
    run += 1;
    cache = join(folder.path, `cache ${run}`);
    bin = join(folder.path, `bin ${run}`);
    log = join(folder.path, `log ${run}`);
    mkdirSync(bin);
  });
  afterAll(() => folder.remove());

  const made = () => join(cache, 'moto-server-5.2.1');

  function options(): MotoOptions {
    const { signal } = new AbortController();
    return {
      children: new Children(signal),
      cache,
      signal,
      onInstall: () => undefined,
      environment: { PATH: `${bin}:/usr/bin:/bin`, LOG: log },
      python: join(bin, 'python3'),
    };
  }

  /** A python3 whose `-m venv FOLDER` makes a FOLDER/bin/python whose `-m pip install` makes FOLDER/bin/moto_server. */
  function standInPython(pip = ''): void {
    script(
      join(bin, 'python3'),
      'if [ "$1" = -c ]; then exit 0; fi',
      'echo venv >> "$LOG"; mkdir -p "$3/bin"',
      `cat > "$3/bin/python" <<'END'`,
      '#!/bin/sh',
      `echo "$@" >> "$LOG"; ${pip === '' ? ':' : pip}`,
      'printf "#!/bin/sh\\nexit 0\\n" > "$(dirname "$0")/moto_server"; chmod +x "$(dirname "$0")/moto_server"',
      'END',
      'chmod +x "$3/bin/python"',
    );
  }

  it('is the one on the PATH, if that runs', async () => {
    script(join(bin, 'moto_server'), 'exit 0');
    await expect(provideMoto(options())).resolves.toEqual({ program: 'moto_server', from: 'PATH' });
  });

  it('is installed in the pinned version, if the one on the PATH does not run', async () => {
    script(join(bin, 'moto_server'), 'echo no module named moto >&2; exit 1');
    standInPython();
    await expect(provideMoto(options())).resolves.toEqual({
      program: join(made(), 'bin', 'moto_server'),
      from: 'install',
    });
    expect(readFileSync(log, 'utf8')).toContain(`--quiet ${MOTO}`);
  });

  it('is installed once, even if two runs begin at the same time', async () => {
    standInPython('sleep 0.2');
    const found = await Promise.all([provideMoto(options()), provideMoto(options())]);
    await expect(provideMoto(options())).resolves.toMatchObject({ from: 'cache' });
    expect(new Set(found.map(({ program }) => program)).size).toBe(1);
    expect(readFileSync(log, 'utf8').match(/^venv$/gm)).toHaveLength(1);
  });

  it('is installed again after an installation was interrupted', async () => {
    standInPython();
    script(join(made(), 'bin', 'moto_server'), 'exit 0');
    writeFileSync(join(made(), 'left over'), '');
    await expect(provideMoto(options())).resolves.toMatchObject({ from: 'install' });
    expect(existsSync(join(made(), 'left over'))).toBe(false);
  });

  it('does not wait for the lock of a run that has ended', async () => {
    standInPython();
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${made()}.lock`, '2147483646');
    await expect(provideMoto(options())).resolves.toMatchObject({ from: 'install' });
  });

  it('is missing with the advice to install Python, if there is none', async () => {
    await expect(provideMoto(options())).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /needs Python 3\.9.*no ".*python3" was found.*apt-get install python3/s,
      ) as string,
    });
  });

  it('is missing with the advice to install a newer Python, if it is too old', async () => {
    script(join(bin, 'python3'), 'exit 9');
    await expect(provideMoto(options())).rejects.toThrow(/too old/);
  });

  it('is missing with a package’s name, if Python cannot make virtual environments', async () => {
    script(
      join(bin, 'python3'),
      'if [ "$1" = -c ]; then exit 0; fi',
      'echo ensurepip is not available; exit 1',
    );
    await expect(provideMoto(options())).rejects.toThrow(/python3-venv.*ensurepip is not available/s);
  });

  it('is missing with pip’s output, and without a half-made folder, if pip fails', async () => {
    standInPython('echo no route to the index >&2; exit 1');
    await expect(provideMoto(options())).rejects.toThrow(/pip could not install.*no route to the index/s);
    expect(existsSync(made())).toBe(false);
    expect(existsSync(`${made()}.lock`)).toBe(false);
  });
});
