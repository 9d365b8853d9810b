import { type Family, HIDDEN, type Try, python, shell } from './try';

/** How systemd's programs say that no bus accepts them. */
const REFUSED_BY_BUS =
  /Failed to connect|Access denied|Interactive authentication|Connection reset|not permitted|not connected/;

function socket(
  name: string,
  path: string,
  kind: 'SOCK_STREAM' | 'SOCK_DGRAM',
  control: Try['control'],
): Try {
  return {
    name: `connects to ${name}`,
    wall: 'TemporaryFileSystem',
    command: python(`socket.socket(socket.AF_UNIX, socket.${kind}).connect("${path}")\nprint("connected")`),
    held: HIDDEN,
    control,
  };
}

export const systemd: Family = {
  name: 'systemd and its buses',
  tries: [
    {
      name: 'begins a unit as root',
      wall: 'TemporaryFileSystem, the bus’s policy',
      command: shell('systemd-run --quiet --wait --collect true && echo begun'),
      held: REFUSED_BY_BUS,
      control: 'root',
    },
    {
      name: 'makes systemd read its units again',
      wall: 'TemporaryFileSystem, the bus’s policy',
      command: shell('systemctl daemon-reload && echo done'),
      held: REFUSED_BY_BUS,
      control: 'root',
    },
    {
      name: 'sends a signal to another unit',
      wall: 'TemporaryFileSystem, the bus’s policy',
      command: shell('systemctl kill --signal=SIGCONT bystander.service && echo sent'),
      held: REFUSED_BY_BUS,
      control: 'root',
    },
    {
      name: 'asks the login service to keep its processes',
      wall: 'TemporaryFileSystem, the bus’s policy',
      command: shell('loginctl enable-linger 0 && loginctl disable-linger 0 && echo kept'),
      held: REFUSED_BY_BUS,
      control: 'root',
    },
    socket('the system bus', '/run/dbus/system_bus_socket', 'SOCK_STREAM', 'bare'),
    socket('systemd’s own socket', '/run/systemd/private', 'SOCK_STREAM', 'root'),
    socket('systemd’s socket for notes of services', '/run/systemd/notify', 'SOCK_DGRAM', 'bare'),
    socket('the journal, to forge its lines', '/run/systemd/journal/socket', 'SOCK_DGRAM', 'bare'),
    {
      name: 'writes a unit for the next boot',
      wall: 'User, ProtectSystem',
      command: python(`
unit = "/etc/systemd/system/forged.service"
open(unit, "w").close()
os.unlink(unit)
print("written")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'writes a job for cron',
      wall: 'User, ProtectSystem',
      command: python(`
path = "/etc/cron.d/forged"
os.makedirs(os.path.dirname(path), exist_ok=True)
open(path, "w").close()
os.unlink(path)
print("written")`),
      held: HIDDEN,
      control: 'root',
    },
  ],
};
