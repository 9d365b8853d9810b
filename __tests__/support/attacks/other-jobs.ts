import { type Family, HIDDEN, python } from './try';

/** What no process of the model's view has. */
const ABSENT = /^absent$/;

/** The facts VICTIM_JOB and VICTIM_PID: the folder of another job, and a process of its model. */
export const otherJobs: Family = {
  name: 'another job, side by side',
  tries: [
    {
      name: 'reads the other job’s input',
      wall: 'User, TemporaryFileSystem',
      command: python('print(open(glob.glob(fact("VICTIM_JOB") + "/input/*")[0]).read()[:20])'),
      held: /IndexError|Permission denied/,
      control: 'root',
    },
    {
      name: 'writes a result of the other job',
      wall: 'User, TemporaryFileSystem',
      command: python(`
result = fact("VICTIM_JOB") + "/output/forged"
open(result, "w").close()
os.unlink(result)
print("written")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'sees which jobs there are',
      wall: 'TemporaryFileSystem',
      command: python(`
seen = os.path.exists(fact("VICTIM_JOB"))
print("present" if seen else "absent")
sys.exit(not seen)`),
      held: ABSENT,
      control: 'bare',
    },
    {
      name: 'sees the other model’s processes',
      wall: 'ProtectProc',
      command: python(`
seen = fact("VICTIM_PID") in os.listdir("/proc")
print("present" if seen else "absent")
sys.exit(not seen)`),
      held: ABSENT,
      control: ['ProtectProc'],
    },
    {
      name: 'reads the other model’s command line',
      wall: 'ProtectProc',
      command: python('print(open(f"/proc/{fact(\'VICTIM_PID\')}/cmdline").read())'),
      held: HIDDEN,
      control: ['ProtectProc'],
    },
    {
      name: 'reads the other model’s environment',
      wall: 'User, ProtectProc',
      command: python('print(len(open(f"/proc/{fact(\'VICTIM_PID\')}/environ").read()), "bytes")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'enters the other model’s view of the files',
      wall: 'User, ProtectProc',
      command: python('print(len(os.listdir(f"/proc/{fact(\'VICTIM_PID\')}/root")), "files")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'sends a signal to the other model',
      wall: 'User',
      command: python('os.kill(int(fact("VICTIM_PID")), 0)\nprint("allowed")'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'traces the other model',
      wall: 'User',
      command: python('print(call("ptrace", 0x4206, int(fact("VICTIM_PID")), 0, 0))'),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'finds shared memory that anyone may use',
      wall: 'PrivateIPC',
      command: python('print("segment", call("shmget", 0x1A3B, 4096, 0))'),
      held: HIDDEN,
      control: ['PrivateIPC'],
    },
    ...['/tmp', '/var/tmp', '/dev/shm'].map((folder) => ({
      name: `finds a file in ${folder} that anyone may read`,
      wall: folder === '/dev/shm' ? 'TemporaryFileSystem' : 'BindPaths',
      command: python(`print(open("${folder}/careless").read())`),
      held: HIDDEN,
      control: 'bare' as const,
    })),
  ],
};
