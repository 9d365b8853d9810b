import { type Family, HIDDEN, python } from './try';

/** The facts DRAIN_PID: process id of the drain. */
export const credentials: Family = {
  name: 'the credentials of the machine’s role',
  tries: [
    {
      name: 'reads the environment of the drain',
      wall: 'User, ProtectProc',
      command: python('print(len(open(f"/proc/{fact(\'DRAIN_PID\')}/environ", "rb").read()), "bytes")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the memory of the drain',
      wall: 'User, ProtectProc',
      command: python(`
process = f"/proc/{fact('DRAIN_PID')}"
start = int(open(process + "/maps").readline().split("-")[0], 16)
memory = open(process + "/mem", "rb")
memory.seek(start)
print(memory.read(4))`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'traces the drain',
      wall: 'User',
      // PTRACE_SEIZE does not stop the drain. The end of the tracer ends it.
      command: python('print(call("ptrace", 0x4206, int(fact("DRAIN_PID")), 0, 0))'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'sees the open files and sockets of the drain',
      wall: 'User, ProtectProc',
      command: python(`
folder = f"/proc/{fact('DRAIN_PID')}/fd"
print([os.readlink(f"{folder}/{name}") for name in os.listdir(folder)][-1])`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'sends a signal to the drain',
      wall: 'User',
      // Signal 0 asks whether another would be allowed.
      command: python('os.kill(int(fact("DRAIN_PID")), 0)\nprint("allowed")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'lists root’s home folder',
      wall: 'ProtectHome',
      command: python('print(os.listdir("/root"))'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the scripts and output of the SSM agent',
      wall: 'User',
      command: python(`
folder = "/var/lib/amazon/ssm/orchestration"
print(len(open(f"{folder}/{os.listdir(folder)[0]}/_script.sh").read()), "bytes")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the SSM agent’s own credentials',
      wall: 'User',
      command: python('print(len(open("/etc/lamplighter-local/agent.json").read()), "bytes")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the machine’s passwords',
      wall: 'User',
      command: python('print(len(open("/etc/shadow").read()), "bytes")'),
      held: HIDDEN,
      control: 'root',
    },
  ],
};
