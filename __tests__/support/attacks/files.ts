import { type Family, HIDDEN, python } from './try';

/** Flags of mount(2), umount2(2) and unshare(2). */
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_REC = 16384;
const MNT_DETACH = 2;
const NEW_USER_AND_MOUNTS = 0x10020000;

export const files: Family = {
  name: 'mounts and the machine’s files',
  tries: [
    {
      name: 'mounts a file system',
      wall: 'User, CapabilityBoundingSet',
      command: python(`
place = os.environ["TMPDIR"].encode()
call("mount", b"tmpfs", place, b"tmpfs", 0, None)
call("umount2", place, ${MNT_DETACH})
print("mounted")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'mounts one folder over another in a user namespace',
      wall: 'RestrictNamespaces',
      command: python(`
call("unshare", ${NEW_USER_AND_MOUNTS})
place = os.environ["TMPDIR"].encode()
call("mount", b"/usr", place, None, ${MS_BIND | MS_REC}, None)
print(len(os.listdir(place)), "files")`),
      held: HIDDEN,
      control: ['RestrictNamespaces'],
    },
    {
      name: 'removes the mount that hides /run',
      wall: 'CapabilityBoundingSet',
      command: python(`
call("umount2", b"/run", ${MNT_DETACH})
print("removed", os.listdir("/run"))`),
      held: HIDDEN,
      control: ['User', 'Group', 'CapabilityBoundingSet'],
    },
    {
      name: 'makes the machine’s files writable again',
      wall: 'CapabilityBoundingSet',
      command: python(`
call("mount", None, b"/", None, ${MS_BIND | MS_REMOUNT}, None)
path = "/usr/forged"
open(path, "w").close()
os.unlink(path)
print("written")`),
      held: HIDDEN,
      control: ['User', 'Group', 'CapabilityBoundingSet'],
    },
    {
      name: 'leaves its view through the first process',
      wall: 'User, ProtectProc',
      command: python('print(len(os.listdir("/proc/1/root/opt/lamplighter/run")), "files")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'changes a program of the machine',
      wall: 'User, ProtectSystem',
      command: python('open("/usr/bin/env", "r+").close()\nprint("opened for writing")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'finds a folder outside its own where it may write',
      wall: 'ProtectSystem, TemporaryFileSystem',
      command: python(`
own = ["/proc", "/sys", "/dev", "/tmp", "/var/tmp", os.environ["HOME"], os.environ["TMPDIR"]]
own += [os.path.dirname(fact("OUTPUT_DIR"))]
def open_folder():
    for folder, below, _files in os.walk("/"):
        below[:] = [name for name in below if os.path.join(folder, name) not in own]
        if os.access(folder, os.W_OK) and not os.path.islink(folder):
            return folder
found = open_folder()
print(found)
sys.exit(found is None)`),
      held: /^None$/,
      control: 'bare',
    },
  ],
};
