import { existsSync, mkdtempSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from '../../../runner/machine';
import { metadataService } from '../../support/metadata-service';

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-machine-'));
const root = join(folder, 'opt');
const log = { info: jest.fn(), warn: jest.fn(), error: jest.fn() };
const ON_EC2 = { uid: undefined, systemd: true, sandbox: false };
const IDENTITY = JSON.stringify({ instanceId: 'i-7', pendingTime: '2030-01-01T00:00:07Z' });
const ec2 = metadataService({
  'dynamic/instance-identity/document': IDENTITY,
  'meta-data/spot/instance-action': '{"action":"stop","time":"2030-01-01T00:02:00Z"}',
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const noRequests: typeof fetch = () => {
  throw new Error('a sandbox asks no metadata service');
};

const openOn = (
  bootId: string,
  facts = ON_EC2,
  environment: NodeJS.ProcessEnv = {},
  request: typeof fetch = facts.sandbox ? noRequests : ec2,
) => {
  const variables = { PATH: `${folder}/bin`, LAMPLIGHTER_BOOT_ID: bootId, ...environment };
  return Machine.open({ root, environment: variables, log, facts, request });
};

const sandbox = { ...ON_EC2, sandbox: true };

describe('the machine of a claim', () => {
  test('is the EC2 instance, with its launch', async () => {
    const { machineId, launchedAt } = await openOn('boot-1');
    expect({ machineId, launchedAt }).toEqual({ machineId: 'i-7', launchedAt: '2030-01-01T00:00:07.000Z' });
  });

  test('is the local cloud’s instance in a sandbox, although the computer may be an EC2 instance', async () => {
    const variables = {
      LAMPLIGHTER_INSTANCE_ID: 'i-local',
      LAMPLIGHTER_LAUNCHED_AT: '2030-01-01T00:00:08.900Z',
    };
    const { machineId, launchedAt } = await openOn('boot-1', sandbox, variables);
    expect({ machineId, launchedAt }).toEqual({
      machineId: 'i-local',
      launchedAt: '2030-01-01T00:00:08.000Z',
    });
  });

  test('has an id without EC2 too, and no launch', async () => {
    const { machineId, launchedAt } = await openOn('boot-1', sandbox);
    expect({ machineId, launchedAt }).toEqual({
      machineId: expect.stringMatching(/^[0-9a-f]{32}$|^unknown$/) as string,
      launchedAt: undefined,
    });
  });
});

describe('the note that a boot is about to end', () => {
  test('is found by the next boot, so that the death of its attempts is explained', async () => {
    await (await openOn('boot-1')).noteShutdown('first');
    await (await openOn('boot-1')).noteShutdown('the drain received SIGTERM');
    const next = await openOn('boot-2');
    expect(await next.shutdownOf('boot-1')).toBe('the drain received SIGTERM');
    expect(await next.shutdownOf('boot-2')).toBeUndefined();
  });

  test('cannot be read from elsewhere on the disk by a claim with a hostile boot id', async () => {
    writeFileSync(join(root, 'run', 'secret.txt'), 'secret');
    expect(await (await openOn('boot-2')).shutdownOf('../secret')).toBeUndefined();
  });

  test('goes when twenty later ones exist, so that they do not fill the disk', async () => {
    const notes = join(root, 'run', 'shutdowns');
    for (let number = 1; number <= 25; number += 1) {
      await (await openOn(`old-${number}`)).noteShutdown('why');
      utimesSync(join(notes, `old-${number}.txt`), number, number);
    }
    const machine = await openOn('boot-9');
    await machine.noteShutdown('now');
    expect(readdirSync(notes)).toHaveLength(20);
    expect(await machine.shutdownOf('boot-9')).toBe('now');
    expect(await machine.shutdownOf('old-25')).toBe('why');
    expect(await machine.shutdownOf('old-1')).toBeUndefined();
  });
});

test('a spot interruption is noticed on EC2, and never in a sandbox', async () => {
  const words = 'EC2 takes the spot instance away at 2030-01-01T00:02:00Z (stop)';
  expect(await (await openOn('boot-1')).notice()).toBe(words);
  expect(await (await openOn('boot-1', sandbox)).notice()).toBeUndefined();
});

describe('a reboot', () => {
  const called = join(folder, 'called');
  const systemctl = (script: string) => {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'bin', 'systemctl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };

  test('is left to systemd', async () => {
    systemctl(`[ "$1" = reboot ] && : > '${called}'`);
    await (await openOn('boot-1')).reboot();
    expect(existsSync(called)).toBe(true);
  });

  test('that systemd refuses is an error with its words', async () => {
    systemctl('echo "Access denied" >&2; exit 1');
    await expect((await openOn('boot-1')).reboot()).rejects.toThrow(/cannot reboot: .*Access denied/s);
  });

  test('of a user’s own computer is impossible', async () => {
    rmSync(called, { force: true });
    systemctl(`: > '${called}'`);
    await expect((await openOn('boot-1', sandbox)).reboot()).rejects.toThrow('a folder of the local cloud');
    const withoutSystemd = await openOn('boot-1', { ...ON_EC2, systemd: false });
    await expect(withoutSystemd.reboot()).rejects.toThrow('systemd does not run on it');
    expect(existsSync(called)).toBe(false);
  });
});
