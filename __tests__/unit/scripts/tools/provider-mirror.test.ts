import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProviderOptions, findMirror, provideProvider } from '../../../../scripts/tools/provider-mirror';
import { temporaryFolder } from '../stand-ins';

const folder = temporaryFolder();
let run = 0;
let root: string;
beforeEach(() => {
  run += 1;
  root = join(folder.path, String(run));
  mkdirSync(root);
});
afterAll(() => folder.remove());

function options(environment: NodeJS.ProcessEnv = {}): ProviderOptions {
  return {
    environment,
    platform: 'linux_amd64',
    providerVersion: '5.100.0',
    cache: join(root, 'cache'),
    cliConfigFile: join(root, 'run', 'terraform.rc'),
    places: [join(root, 'opt')],
    home: join(root, 'home'),
  };
}

function mirror(path: string, version = '5.100.0', platform = 'linux_amd64'): string {
  mkdirSync(join(path, 'registry.terraform.io', 'hashicorp', 'aws', version, platform), { recursive: true });
  return path;
}

describe('the AWS provider', () => {
  it('comes from a mirror below a usual folder, without the registry', async () => {
    const found = mirror(join(root, 'opt', 'some "place"', 'deeper'));
    const source = await provideProvider(options());
    expect(source.environment).toEqual({ TF_CLI_CONFIG_FILE: join(root, 'run', 'terraform.rc') });
    expect(readFileSync(join(root, 'run', 'terraform.rc'), 'utf8')).toBe(
      [
        'provider_installation {',
        '  filesystem_mirror {',
        `    path    = ${JSON.stringify(found)}`,
        '    include = ["registry.terraform.io/hashicorp/aws"]',
        '  }',
        '  direct {',
        '    exclude = ["registry.terraform.io/hashicorp/aws"]',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('comes from the registry, once, if there is no mirror', async () => {
    const { environment } = await provideProvider(options());
    expect(environment).toEqual({
      TF_PLUGIN_CACHE_DIR: join(root, 'cache', 'terraform-providers'),
      TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: '1',
    });
  });

  it.each([
    ['another version', '5.99.0', 'linux_amd64'],
    ['another platform', '5.100.0', 'darwin_arm64'],
  ])('is not sought in a mirror of %s, where Terraform would not find it', (_, version, platform) => {
    mirror(join(root, 'opt', 'mirror'), version, platform);
    expect(findMirror(options())).toBeUndefined();
  });

  it('is also found as a zip', () => {
    const path = join(root, 'opt', 'packed');
    const inside = join(path, 'registry.terraform.io', 'hashicorp', 'aws');
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, 'terraform-provider-aws_5.100.0_linux_amd64.zip'), '');
    expect(findMirror(options())).toBe(path);
  });

  it('comes from the named mirror first, named by its root or by the folder in it', () => {
    mirror(join(root, 'opt', 'usual'));
    const named = mirror(join(root, 'named'));
    for (const value of [named, join(named, 'registry.terraform.io')]) {
      expect(findMirror(options({ LAMPLIGHTER_PROVIDER_MIRROR: value }))).toBe(named);
    }
    expect(findMirror(options({ TF_PLUGIN_CACHE_DIR: named }))).toBe(named);
  });

  it('is not searched elsewhere if the named mirror does not have it', async () => {
    mirror(join(root, 'opt', 'usual'));
    const named = join(root, 'empty');
    await expect(provideProvider(options({ LAMPLIGHTER_PROVIDER_MIRROR: named }))).rejects.toThrow(
      /LAMPLIGHTER_PROVIDER_MIRROR.*does not hold registry\.terraform\.io\/hashicorp\/aws 5\.100\.0 for linux_amd64/s,
    );
  });

  it('is searched within bounds: not too deep, and not through links', () => {
    mirror(join(root, 'opt', '1', '2', '3', '4', '5'));
    symlinkSync(join(root, 'opt'), join(root, 'opt', 'round'));
    expect(findMirror(options())).toBeUndefined();
  });

  it("comes from where the user's own configuration sets it, if it has a provider_installation", async () => {
    mirror(join(root, 'opt', 'mirror'));
    const own = join(root, 'my.tfrc');
    writeFileSync(own, '');
    await expect(provideProvider(options({ TF_CLI_CONFIG_FILE: own }))).resolves.toMatchObject({
      environment: {},
    });
    mkdirSync(join(root, 'home'));
    writeFileSync(join(root, 'home', '.terraformrc'), 'provider_installation {\n}\n');
    await expect(provideProvider(options())).resolves.toMatchObject({ environment: {} });
  });

  it('is found even if TF_CLI_CONFIG_FILE names a missing file', async () => {
    const gone = { TF_CLI_CONFIG_FILE: join(root, 'gone') };
    expect((await provideProvider(options(gone))).environment).toMatchObject({ TF_CLI_CONFIG_FILE: '' });
    mirror(join(root, 'opt', 'mirror'));
    expect((await provideProvider(options(gone))).environment).toEqual({
      TF_CLI_CONFIG_FILE: join(root, 'run', 'terraform.rc'),
    });
  });
});
