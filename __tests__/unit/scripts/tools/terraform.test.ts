import { zipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RequestListener } from 'node:http';
import { Children } from '../../../../scripts/tools/children';
import { type TerraformOptions, isNewEnough, provideTerraform } from '../../../../scripts/tools/terraform';
import { TERRAFORM_RELEASE, platformOf } from '../../../../scripts/tools/terraform-release';
import { listen, script, temporaryFolder } from '../stand-ins';

const VERSION = '1.11.4';
const PROGRAM = `#!/bin/sh\necho '{"terraform_version":"${VERSION}"}'\n`;
const ZIP = Buffer.from(
  zipSync(
    { 'LICENSE.txt': Buffer.from('a licence'), terraform: Buffer.from(PROGRAM) },
    { mtime: '2024-01-01' },
  ),
);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('Terraform on a fresh machine', () => {
  const folder = temporaryFolder();
  let run = 0;
  let cache: string;
  let downloads: string[];
  let asked: string[];

  beforeEach(() => {
    run += 1;
    cache = join(folder.path, `cache ${run}`);
    downloads = [];
    asked = [];
  });
  afterAll(() => folder.remove());

  const kept = () => join(cache, 'terraform', VERSION, 'linux_amd64', 'terraform');

  function options(url: string, more: Partial<TerraformOptions> = {}): TerraformOptions {
    const { signal } = new AbortController();
    return {
      children: new Children(signal),
      cache,
      signal,
      onDownload: (text) => downloads.push(text),
      environment: { PATH: '/usr/bin:/bin', LAMPLIGHTER_TERRAFORM_RELEASES: url },
      release: { version: VERSION, sha256: { linux_amd64: sha256(ZIP) } },
      platform: 'linux_amd64',
      ...more,
    };
  }

  async function withServer<T>(handler: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
    const server = await listen((request, response) => {
      asked.push(request.url ?? '');
      handler(request, response);
    });
    try {
      return await work(server.url);
    } finally {
      await server.close();
    }
  }

  function expectNothingKept(): void {
    expect(existsSync(kept())).toBe(false);
    if (existsSync(dirname(kept()))) expect(readdirSync(dirname(kept()))).toEqual([]);
  }

  it('is downloaded from the publisher, verified, and kept for the next run', async () => {
    await withServer(
      (_, response) => response.end(ZIP),
      async (url) => {
        await expect(provideTerraform(options(url))).resolves.toEqual({
          program: kept(),
          version: VERSION,
          from: 'download',
        });
        await expect(provideTerraform(options(url))).resolves.toMatchObject({ from: 'cache' });
      },
    );
    expect(asked).toEqual([`/terraform/${VERSION}/terraform_${VERSION}_linux_amd64.zip`]);
    expect(downloads).toHaveLength(1);
    expect(readdirSync(dirname(kept()))).toEqual(['terraform']);
  });

  it('never runs if its checksum is not the pinned one', async () => {
    const other = Buffer.from(zipSync({ terraform: Buffer.from('#!/bin/sh\ntouch ran\n') }));
    await withServer(
      (_, response) => response.end(other),
      async (url) => {
        await expect(provideTerraform(options(url))).rejects.toThrow(
          new RegExp(`SHA-256 is ${sha256(other)}, and must be ${sha256(ZIP)}.*Install Terraform`, 's'),
        );
      },
    );
    expectNothingKept();
  });

  it('is not kept if the download broke off', async () => {
    await withServer(
      (_, response) => {
        response.writeHead(200, { 'content-length': ZIP.length });
        response.write(ZIP.subarray(0, 50), () => response.destroy());
      },
      async (url) => {
        await expect(provideTerraform(options(url))).rejects.toThrow(
          /could not be downloaded.*Install Terraform/s,
        );
      },
    );
    expectNothingKept();
  });

  it('is missing with reason and advice, if the server does not have it', async () => {
    await withServer(
      (_, response) => response.writeHead(404).end('no such thing'),
      async (url) => {
        await expect(provideTerraform(options(url))).rejects.toMatchObject({
          exitCode: 3,
          message: expect.stringMatching(/the server answered 404.*developer\.hashicorp\.com/s) as string,
        });
      },
    );
    expectNothingKept();
  });

  it('is missing with reason and advice, if there is no network', async () => {
    const url = await withServer(
      (_, response) => response.end(),
      (used) => Promise.resolve(used),
    );
    await expect(provideTerraform(options(url))).rejects.toThrow(/ECONNREFUSED.*Install Terraform/s);
    expectNothingKept();
  });

  it('is missing if the zip does not contain it, even if the checksum is right', async () => {
    const empty = Buffer.from(zipSync({ '../terraform': Buffer.from('x'), readme: Buffer.from('y') }));
    await withServer(
      (_, response) => response.end(empty),
      async (url) => {
        const release = { version: VERSION, sha256: { linux_amd64: sha256(empty) } };
        await expect(provideTerraform(options(url, { release }))).rejects.toThrow(/Install Terraform/);
      },
    );
    expectNothingKept();
  });

  it('an interrupted download ends at once and leaves no file', async () => {
    const controller = new AbortController();
    await withServer(
      (_, response) => {
        response.write('the beginning');
        setImmediate(() => controller.abort(new Error('interrupted')));
      },
      async (url) => {
        await expect(provideTerraform(options(url, { signal: controller.signal }))).rejects.toThrow(
          'interrupted',
        );
      },
    );
    expectNothingKept();
  });

  it('is the one on the PATH if that is new enough, without a download', async () => {
    const bin = join(folder.path, 'new bin');
    script(join(bin, 'terraform'), `echo '{"terraform_version":"1.9.0"}'`);
    const found = await provideTerraform(options('http://127.0.0.1:9', { environment: { PATH: bin } }));
    expect(found).toEqual({ program: 'terraform', version: '1.9.0', from: 'PATH' });
  });

  it('is downloaded if the one on the PATH is too old, and the error names that version', async () => {
    const bin = join(folder.path, 'old bin');
    script(join(bin, 'terraform'), `echo '{"terraform_version":"1.4.7"}'`);
    const environment = { PATH: bin, LAMPLIGHTER_TERRAFORM_RELEASES: 'http://127.0.0.1:9' };
    await expect(provideTerraform(options('', { environment }))).rejects.toThrow(
      /the one on the PATH is 1\.4\.7/,
    );
    expect(downloads).toHaveLength(1);
  });

  it('is missing with advice on a platform without a pinned release', async () => {
    await expect(provideTerraform(options('http://127.0.0.1:9', { platform: undefined }))).rejects.toThrow(
      /no release is pinned for .*Install Terraform 1\.5 or newer/s,
    );
  });

  it('is pinned by a checksum for each platform of the local cloud', () => {
    for (const system of ['linux', 'darwin']) {
      for (const processor of ['x64', 'arm64']) {
        const platform = platformOf(system, processor);
        expect(platform && TERRAFORM_RELEASE.sha256[platform]).toMatch(/^[0-9a-f]{64}$/);
      }
    }
    expect(new Set(Object.values(TERRAFORM_RELEASE.sha256)).size).toBe(4);
    expect(platformOf('win32', 'x64')).toBeUndefined();
  });

  it.each([
    ['1.4.7', false],
    ['1.5.0', true],
    ['1.10.2-rc1', true],
    ['0.15.9', false],
    ['2.0.0', true],
    ['', false],
  ])('of version %j is new enough: %j', (version, expected) => expect(isNewEnough(version)).toBe(expected));
});
