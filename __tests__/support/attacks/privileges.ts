import { type Family, HIDDEN, type Try, python } from './try';

/** Copies of Python, made by `prepareMachine`: one is set-uid root, one has the capability to read every file. */
export const SET_UID_PYTHON = '/usr/local/bin/set-uid-python';
export const CAPABLE_PYTHON = '/usr/local/bin/capable-python';

function call(name: string, script: string, control: Try['control'] = 'root'): Try {
  return {
    name,
    wall: 'User, CapabilityBoundingSet',
    command: python(`${script}\nprint("done")`),
    held: HIDDEN,
    control,
  };
}

export const privileges: Family = {
  name: 'set-uid programs and capabilities',
  tries: [
    {
      name: 'runs a program that is set-uid root',
      wall: 'NoNewPrivileges',
      command: [
        SET_UID_PYTHON,
        '-c',
        'import os; print("uid", os.geteuid()); raise SystemExit(os.geteuid())',
      ],
      held: /^uid 200\d\d$/,
      control: 'bare',
    },
    {
      name: 'runs a program with a capability',
      wall: 'NoNewPrivileges, CapabilityBoundingSet',
      command: [CAPABLE_PYTHON, '-c', 'print(len(open("/etc/shadow").read()), "bytes")'],
      held: /Permission denied|Operation not permitted/,
      control: 'bare',
    },
    {
      name: 'makes a set-uid program',
      wall: 'RestrictSUIDSGID',
      command: python(`
path = os.environ["TMPDIR"] + "/set-uid"
open(path, "w").close()
os.chmod(path, 0o4755)
print("made")`),
      held: HIDDEN,
      control: ['RestrictSUIDSGID'],
    },
    call('becomes root', 'os.setresuid(0, 0, 0)'),
    call('becomes another model’s user', 'os.setresuid(20007, 20007, 20007)'),
    call('joins another group', 'os.setgroups([0, 42])'),
    call(
      'gives a file to another user',
      `
path = os.environ["TMPDIR"] + "/gift"
open(path, "w").close()
os.chown(path, 20007, 20007)
os.unlink(path)`,
    ),
  ],
};
