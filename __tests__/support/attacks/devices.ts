import { type Family, HIDDEN, type Try, python } from './try';

function make(name: string, kind: string, major: number, minor: number): Try {
  return {
    name: `makes ${name}`,
    wall: 'User, CapabilityBoundingSet',
    command: python(`
path = os.environ["TMPDIR"] + "/device"
os.mknod(path, stat.${kind} | 0o600, os.makedev(${major}, ${minor}))
os.unlink(path)
print("made")`),
    held: HIDDEN,
    control: 'root',
  };
}

/** Devices that every program may have. */
const HARMLESS = '"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"';

export const devices: Family = {
  name: 'devices',
  tries: [
    make('a character device', 'S_IFCHR', 1, 3),
    make('the device file of a disk', 'S_IFBLK', 7, 0),
    {
      name: 'opens the device of virtual networks',
      wall: 'PrivateDevices',
      command: python('open("/dev/net/tun", "r+b", buffering=0).close()\nprint("opened")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'finds a device that is not one of the harmless',
      wall: 'PrivateDevices',
      command: python(`
found = []
for folder, below, names in os.walk("/dev"):
    below[:] = [name for name in below if name not in ("pts", "char", "block")]
    for name in names:
        mode = os.lstat(os.path.join(folder, name)).st_mode
        if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and name not in (${HARMLESS}):
            found.append(name)
print(found)
sys.exit(not found)`),
      held: /^\[\]$/,
      control: ['PrivateDevices'],
    },
  ],
};
