import { type Family, type Try, python } from './try';

function file(folder: string): Try {
  const path = `${folder}/left-behind`;
  return {
    name: `finds a file that its predecessor left in ${folder}`,
    wall: folder === '/dev/shm' ? 'TemporaryFileSystem' : 'BindPaths',
    leave: python(`open("${path}", "w").write("left behind")`),
    command: python(`print(open("${path}").read())`),
    held: /No such file/,
    control: 'bare',
  };
}

/** Looks for processes of its own user with a mark on their command line. */
const seek = (mark: string) =>
  python(`
def marked(pid):
    try:
        line = open(f"/proc/{pid}/cmdline").read()
        return "${mark}" in line and int(pid) != os.getpid() and os.stat(f"/proc/{pid}").st_uid == os.getuid()
    except OSError:
        return False
found = []
for _ in range(5):
    found += [pid for pid in os.listdir("/proc") if pid.isdigit() and marked(pid)]
print(len(found), "processes")
sys.exit(not found)`);

/** A program that stays. The mark is on its command line. */
const stay = (mark: string, before = '') =>
  `[sys.executable, "-c", "${before}import time; time.sleep(300)", "${mark}"]`;

const QUIET = 'stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL';

function processes(name: string, mark: string, leave: string): Try {
  return {
    name: `finds its predecessor’s process: ${name}`,
    wall: 'KillMode=control-group',
    leave: python(leave),
    // The mark is put together, or the seeker would find itself.
    command: seek(`${mark.slice(0, 5)}" "${mark.slice(5)}`),
    held: /^0 processes$/,
    control: 'bare',
  };
}

export const leftovers: Family = {
  name: 'what an earlier job of the same slot left',
  tries: [
    ...['/tmp', '/var/tmp', '/dev/shm'].map(file),
    {
      name: 'finds a file that its predecessor left in its home folder',
      wall: 'BindPaths',
      leave: python('open(os.environ["HOME"] + "/left-behind", "w").write("left behind")'),
      command: python('print(open(os.environ["HOME"] + "/left-behind").read())'),
      held: /No such file/,
      control: 'bare',
    },
    {
      name: 'finds shared memory that its predecessor left',
      wall: 'PrivateIPC',
      leave: python('call("shmget", 0x1A3C, 4096, 0o1600)'),
      command: python('print("segment", call("shmget", 0x1A3C, 4096, 0))'),
      held: /No such file/,
      control: 'bare',
    },
    {
      name: 'finds a message queue that its predecessor left',
      wall: 'PrivateIPC',
      leave: python('ctypes.CDLL(None).mq_open(b"/left-behind", os.O_CREAT | os.O_RDWR, 0o600, None)'),
      command: python('print("queue", call("mq_open", b"/left-behind", os.O_RDONLY))'),
      held: /No such file/,
      control: 'bare',
    },
    {
      name: 'finds less of the disk: its predecessor wrote 300 MB',
      wall: 'the drain removes a job’s folders',
      leave: python(`
with open("/var/tmp/large", "wb") as file:
    for _ in range(300):
        file.write(bytes(1_000_000))`),
      command: python(`
disk = os.statvfs("/var/tmp")
missing = int(fact("FREE_BYTES")) - disk.f_bavail * disk.f_frsize
print(missing >> 20, "MiB missing")
sys.exit(missing < 100_000_000)`),
      held: /^-?\d+ MiB missing$/,
      control: 'bare',
    },
    {
      name: 'finds less of the disk: its predecessor made 100,000 files, or all that the disk takes',
      wall: 'the drain removes a job’s folders',
      leave: python(`
os.mkdir("/var/tmp/many")
for number in range(100_000):
    os.close(os.open(f"/var/tmp/many/{number}", os.O_CREAT | os.O_WRONLY))`),
      command: python(`
missing = int(fact("FREE_FILES")) - os.statvfs("/var/tmp").f_favail
print(missing, "files missing")
sys.exit(missing < 10_000)`),
      held: /^-?\d+ files missing$/,
      control: 'bare',
    },
    processes(
      'forked twice, in a session of its own',
      'stay-daemon',
      `
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen(${stay('stay-daemon')}, ${QUIET})
    os._exit(0)`,
    ),
    processes(
      'without environment and open files, deaf to SIGTERM',
      'stay-deaf',
      `subprocess.Popen(${stay('stay-deaf', 'import signal; signal.signal(15, signal.SIG_IGN); ')}, ${QUIET}, env={}, cwd="/", start_new_session=True)
time.sleep(0.3)`,
    ),
    processes(
      'that cannot be traced (PR_SET_DUMPABLE)',
      'stay-closed',
      `subprocess.Popen(${stay('stay-closed', 'import ctypes; ctypes.CDLL(None).prctl(4, 0); ')}, ${QUIET}, start_new_session=True)
time.sleep(0.3)`,
    ),
    processes(
      'chains of forks, 16 at once',
      'stay-chain',
      `
chain = "import os, sys, time\\nend = time.time() + 300\\nwhile time.time() < end:\\n    if os.fork(): os._exit(0)\\n    time.sleep(0.05)"
for _ in range(16):
    subprocess.Popen([sys.executable, "-c", chain, "stay-chain"], ${QUIET}, start_new_session=True)
time.sleep(0.5)`,
    ),
    processes(
      'in a process namespace of its own',
      'stay-space',
      `
try:
    call("unshare", 0x30000000)
except OSError:
    sys.exit()
subprocess.Popen(${stay('stay-space')}, ${QUIET}, start_new_session=True)`,
    ),
  ],
};
