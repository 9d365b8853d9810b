import { type Family, HIDDEN, python } from './try';

/** Lines that find the program's own control group. */
const OWN = `
own = "/sys/fs/cgroup" + next(line[3:] for line in open("/proc/self/cgroup").read().splitlines() if line.startswith("0::"))
`;

/** The facts BYSTANDER: the control group of another unit. */
export const controlGroups: Family = {
  name: 'control groups',
  tries: [
    {
      name: 'moves itself out of its group',
      wall: 'User, ProtectControlGroups',
      command: python(
        'open(fact("BYSTANDER") + "/cgroup.procs", "w").write(str(os.getpid()))\nprint("moved")',
      ),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'makes a group below its own, with limits of its own',
      wall: 'User, ProtectControlGroups',
      command: python(`${OWN}
os.mkdir(own + "/below")
os.rmdir(own + "/below")
print("made")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'freezes another unit',
      wall: 'User, ProtectControlGroups',
      command: python(`
for state in "10":
    open(fact("BYSTANDER") + "/cgroup.freeze", "w").write(state)
print("frozen")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'kills another unit’s processes',
      wall: 'User, ProtectControlGroups',
      command: python('open(fact("BYSTANDER") + "/cgroup.kill", "w").write("1")\nprint("killed")'),
      held: HIDDEN,
      control: 'root',
    },
  ],
};
