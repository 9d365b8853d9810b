import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { versionWithLimits } from '../../../local-cloud/machine/cgroup-version';
import { MetadataService } from '../../../local-cloud/machine/metadata-service';
import { pipSources } from '../../../local-cloud/machine/pip-sources';
import type { BootOrder } from '../../../local-cloud/machine/port';
import { type HostFacts, missingFor, needSystemdMachine } from '../../../local-cloud/machine/systemd-needs';
import { readHold, readIdentity, readSpotNotice } from '../../../runner/metadata';

describe('what --machine systemd needs', () => {
  const host: HostFacts = {
    platform: 'linux',
    uid: 0,
    fileSystems: 'nodev\tcgroup2\nnodev\toverlay\n\text4\n',
    hasProgram: () => true,
    hasDisk: false,
  };

  test('a host that has everything is accepted', () => {
    expect(() => needSystemdMachine(host)).not.toThrow();
  });

  test('each thing that is missing is named, with the way to get it', () => {
    expect(missingFor({ ...host, platform: 'darwin' })).toEqual(['it needs Linux; this is darwin']);
    const hasProgram = (name: string) => name !== 'debootstrap' && name !== 'systemd-nspawn';
    expect(missingFor({ ...host, uid: 1000, fileSystems: '\text4\nnodev\tcgroup2\n', hasProgram })).toEqual([
      expect.stringContaining('sudo'),
      'systemd-nspawn, debootstrap: not on the PATH. On Debian and Ubuntu: apt-get install systemd-container debootstrap',
      expect.stringContaining('modprobe overlay'),
    ]);
    expect(() => needSystemdMachine({ ...host, uid: 1000 })).toThrow(
      /cannot run here.*root.*--machine sandbox/s,
    );
  });

  test('debootstrap is not needed when the disk is there', () => {
    const hasProgram = (name: string) => name !== 'debootstrap';
    expect(missingFor({ ...host, hasProgram, hasDisk: true })).toEqual([]);
  });
});

test('a machine with limits sees the version of control groups in which the host has them', () => {
  const header = '#subsys_name\thierarchy\tnum_cgroups\tenabled\n';
  expect(versionWithLimits(`${header}cpuset\t3\t1\t1\nmemory\t4\t66\t1\npids\t8\t1\t1\n`)).toBe('v1');
  expect(versionWithLimits(`${header}cpuset\t0\t1\t1\nmemory\t0\t66\t1\npids\t0\t1\t1\n`)).toBe('v2');
});

describe('the metadata service of a machine', () => {
  const tags: Record<string, string> = {};
  const order: BootOrder = {
    instanceId: 'i-0123456789abcdef0',
    launchTime: '2030-01-01T00:00:00.000Z',
    region: 'eu-central-1',
    endpoint: 'http://127.0.0.1:9',
    roleArn: 'arn:aws:iam::123456789012:role/the-role',
    credentials: { AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'SECRET', AWS_SESSION_TOKEN: 'TOKEN' },
    tags: () => Promise.resolve(tags),
  };
  const socket = createServer();
  const service = new MetadataService(order);
  const address = () => `http://127.0.0.1:${(socket.address() as AddressInfo).port}`;
  const request: typeof fetch = (url, init) =>
    fetch(
      (url instanceof Request ? url.url : url.toString()).replace('http://169.254.169.254', address()),
      init,
    );

  beforeAll(async () => {
    service.serve([socket]);
    await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    service.close();
    socket.close();
  });

  test('the runner reads in it who it is, whether people hold it, and EC2’s notice', async () => {
    expect(await readIdentity(request)).toEqual({
      instanceId: order.instanceId,
      launchedAt: order.launchTime,
    });
    expect(await readHold(request)).toBe('not held');
    tags['lamplighter:hold'] = '';
    expect(await readHold(request)).toBe('held');
    expect(await readSpotNotice(request)).toBeUndefined();
    service.showNotice({ action: 'stop', time: '2030-01-01T00:02:00Z' });
    expect(await readSpotNotice(request)).toContain('2030-01-01T00:02:00Z (stop)');
  });

  test('without a valid token, or through a proxy, nobody gets credentials', async () => {
    const credentials = `${address()}/latest/meta-data/iam/security-credentials/the-role`;
    const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
    const token = `${address()}/latest/api/token`;
    expect((await fetch(credentials)).status).toBe(401);
    expect((await fetch(credentials, { headers: { 'X-aws-ec2-metadata-token': 'guess' } })).status).toBe(401);
    expect((await fetch(token, { headers: ttl })).status).toBe(405);
    expect((await fetch(token, { method: 'PUT' })).status).toBe(400);
    const forwarded = { ...ttl, 'X-Forwarded-For': '10.0.0.1' };
    expect((await fetch(token, { method: 'PUT', headers: forwarded })).status).toBe(403);
  });
});

describe('the host’s packages for pip in a machine', () => {
  test('local folders that its configuration names are mounted; the user’s own file is a text, which any model can read', () => {
    const home = mkdtempSync(join(tmpdir(), 'home-'));
    const folders = { links: join(home, 'links'), index: join(home, 'index', 'simple') };
    for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
    mkdirSync(join(home, '.pip'));
    const text = `[global]\nextra-index-url = ${pathToFileURL(folders.index).href} https://example.com/simple\n`;
    writeFileSync(join(home, '.pip', 'pip.conf'), text);
    const links = pathToFileURL(folders.links).href;
    const sources = pipSources({ PIP_FIND_LINKS: links, PIP_CONFIG_FILE: '', OTHER: '/etc' }, home);
    expect(sources.configuration).toBe(text);
    expect(sources.variables).toEqual({ PIP_FIND_LINKS: links });
    expect(sources.mounts).toEqual(expect.arrayContaining([folders.links, join(home, 'index')]));
    expect(sources.mounts).not.toContain('/etc');
  });
});
