import { isolate } from '../../../runner/isolation';

const ours = { uid: 0, systemd: true, sandbox: false };

test('on a real instance a model reaches no credentials: the metadata service is blocked over IPv4 and IPv6', () => {
  const { wrapper } = isolate(ours, 0);
  expect(wrapper[0]).toBe('systemd-run');
  expect(wrapper).toContain('--property=IPAddressDeny=169.254.169.254/32');
  expect(wrapper).toContain('--property=IPAddressDeny=fd00:ec2::254/128');
});

test('on a real instance a model is not root, has none of root’s groups, and cannot become root again', () => {
  const { wrapper, uid } = isolate(ours, 0);
  expect(uid).toBe(20_000);
  expect(wrapper).toEqual(
    expect.arrayContaining(['setpriv', '--reuid=20000', '--regid=20000', '--clear-groups', '--no-new-privs']),
  );
  // No program name can pass for an option of a command, and none is part of the shell's script.
  expect(wrapper.slice(-5)).toEqual(['--', '/bin/sh', '-c', 'printf begun >&3; exec "$@" 3>&-', 'sh']);
});

test('jobs side by side have different users, so that none reads another’s files', () => {
  expect(new Set([0, 1, 2, 63].map((slot) => isolate(ours, slot).uid)).size).toBe(4);
});

test.each([
  ['not root', { ...ours, uid: 1000 }],
  ['without user ids', { ...ours, uid: undefined }],
  ['without systemd', { ...ours, systemd: false }],
  ['the local cloud’s sandbox, below folders that other users cannot enter', { ...ours, sandbox: true }],
])('a machine that is %s runs models as ordinary processes instead of failing each', (_name, facts) => {
  expect(isolate(facts, 0)).toEqual({ wrapper: [], uid: undefined, slice: undefined });
});
