import { type Family, python } from './try';

/** For a machine with limits. The card of the attacker has the limits. */
export const resources: Family = {
  name: 'more than its share',
  tries: [
    {
      name: 'takes 300 MB of memory, against a limit of 100 MiB',
      wall: 'MemoryMax, OOMPolicy',
      command: python('print(len(b"x" * 300_000_000), "bytes")'),
      held: /^$/,
      failure: 'memory',
      control: 'root',
    },
    {
      name: 'puts 300 MB into /dev/shm, against a limit of 100 MiB',
      wall: 'MemoryMax, OOMPolicy',
      command: python(`
with open("/dev/shm/large", "wb") as file:
    for _ in range(300):
        file.write(bytes(1_000_000))
os.unlink("/dev/shm/large")
print("written")`),
      held: /^$/,
      failure: 'memory',
      control: 'root',
    },
    {
      name: 'begins 2,000 processes, against a limit of 200',
      wall: 'TasksMax',
      command: python(`
children = []
try:
    for _ in range(2_000):
        children.append(os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
except BlockingIOError:
    pass
print(len(children), "processes")
for child in children:
    os.kill(child, 9)
for child in children:
    os.waitpid(child, 0)
sys.exit(len(children) < 2_000)`),
      held: /^1\d\d processes$/,
      control: 'root',
    },
  ],
};
