import { isAccelerator, isolationRecord, modelUser, walls } from '../../../runner/isolation';

const ours = { uid: 0, systemd: true, sandbox: false };

test('jobs side by side have different users, so that none reads another’s files', () => {
  expect([0, 1, 63].map((slot) => modelUser(ours, slot))).toEqual([20_000, 20_001, 20_063]);
});

test.each([
  ['not root', { ...ours, uid: 1000 }],
  ['without user ids', { ...ours, uid: undefined }],
  ['without systemd', { ...ours, systemd: false }],
  ['the local cloud’s sandbox, below folders that other users cannot enter', { ...ours, sandbox: true }],
])('a machine that is %s runs models as ordinary processes, and the receipt says so', (_name, facts) => {
  const uid = modelUser(facts, 0);
  expect(uid).toBeUndefined();
  expect(isolationRecord(uid, 'run', { maxProcesses: 100, network: 'internet' })).toEqual({ kind: 'none' });
});

const walled = {
  program: 'run',
  uid: 20_003,
  root: '/opt/lamplighter',
  modelFolder: '/opt/lamplighter/models/m/d',
  jobFolder: '/opt/lamplighter/jobs/j',
  signs: '/run/lamplighter/u',
  limits: { maxProcesses: 100, network: 'internet' },
  devices: [],
} as const;

test('a model’s folder is read-only to its run, and its setup can write into it', () => {
  const resolvers = '-/run/systemd/resolve -/run/NetworkManager/resolv.conf -/run/resolvconf';
  expect(walls(walled)).toContain(`BindReadOnlyPaths=/opt/lamplighter/models/m/d ${resolvers}`);
  const setup = walls({ ...walled, program: 'setup' });
  expect(setup).toContain(`BindReadOnlyPaths=${resolvers}`);
  expect(setup.find((wall) => wall.startsWith('BindPaths='))).toMatch(/ \/opt\/lamplighter\/models\/m\/d$/);
});

test('a card’s limits are in force; a run without network still has a setup with network', () => {
  const limits = { maxProcesses: 7, memoryMiB: 300, network: 'none' } as const;
  expect(walls({ ...walled, limits })).toEqual(
    expect.arrayContaining(['TasksMax=7', 'MemoryMax=300M', 'PrivateNetwork=yes']),
  );
  expect(walls({ ...walled, limits, program: 'setup' })).not.toContain('PrivateNetwork=yes');
  expect(isolationRecord(20_003, 'run', limits)).toEqual({ kind: 'systemd', ...limits });
  expect(isolationRecord(20_003, 'setup', limits)).toEqual({
    kind: 'systemd',
    ...limits,
    network: 'internet',
  });
  // The socket of systemd-resolved sends names out.
  expect(walls({ ...walled, limits })).toContain('BindReadOnlyPaths=/opt/lamplighter/models/m/d');
  expect(walls(walled).some((wall) => wall.startsWith('MemoryMax='))).toBe(false);
});

test('a machine without accelerators has no devices for models; one with some lets these alone in', () => {
  expect(walls(walled)).toContain('PrivateDevices=yes');
  const gpu = walls({ ...walled, devices: ['/dev/nvidia0', '/dev/nvidia-uvm'] });
  expect(gpu).toEqual(
    expect.arrayContaining([
      'DevicePolicy=closed',
      'DeviceAllow=/dev/nvidia0 rw',
      'DeviceAllow=/dev/nvidia-uvm rw',
    ]),
  );
  expect(gpu).not.toContain('PrivateDevices=yes');
});

test('GPUs and AWS’s chips are accelerators, disks are not', () => {
  const names = [
    'nvidia0',
    'nvidiactl',
    'nvidia-uvm',
    'nvidia-caps',
    'neuron0',
    'nvme0n1',
    'null',
    'kvm',
    'sda',
  ];
  expect(names.filter(isAccelerator)).toEqual([
    'nvidia0',
    'nvidiactl',
    'nvidia-uvm',
    'nvidia-caps',
    'neuron0',
  ]);
});

test('no wall has a character that systemd changes at a `systemctl daemon-reload`', () => {
  expect(walls(walled).join(' ')).not.toMatch(/[%$\\]/);
});
