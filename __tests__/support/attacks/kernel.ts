import { type Family, HIDDEN, python } from './try';

export const kernel: Family = {
  name: 'the kernel’s interfaces',
  tries: [
    {
      name: 'makes a user namespace, which has all capabilities in it',
      wall: 'RestrictNamespaces',
      command: python('call("unshare", 0x10000000)\nprint("made")'),
      held: HIDDEN,
      control: ['RestrictNamespaces'],
    },
    {
      name: 'loads a BPF program’s map',
      wall: 'User, CapabilityBoundingSet',
      command: python(`
attributes = (ctypes.c_uint32 * 32)(2, 4, 8, 1)
number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
print("descriptor", call("syscall", number, 0, attributes, 128))`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'sets the machine’s name',
      wall: 'ProtectHostname, CapabilityBoundingSet',
      // The name that it has.
      command: python('socket.sethostname(socket.gethostname())\nprint("set")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'takes real-time priority',
      wall: 'RestrictRealtime, CapabilityBoundingSet',
      command: python('os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))\nprint("taken")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'runs before all others (nice)',
      wall: 'CapabilityBoundingSet',
      command: python('print("nice", os.nice(-5))'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'opens a socket to the hypervisor (AF_VSOCK)',
      wall: 'RestrictAddressFamilies',
      command: python('socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)\nprint("opened")'),
      held: /Address family not supported/,
      control: ['RestrictAddressFamilies'],
    },
    {
      name: 'reads all packets of the network card',
      wall: 'RestrictAddressFamilies, CapabilityBoundingSet',
      command: python('socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nprint("opened")'),
      held: /Address family not supported|Operation not permitted/,
      control: 'root',
    },
    {
      name: 'switches off the randomness of addresses',
      wall: 'LockPersonality',
      command: python('call("personality", 0x0040000)\nprint("switched")'),
      held: HIDDEN,
      control: ['LockPersonality'],
    },
  ],
};
