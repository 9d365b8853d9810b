import { type Family, HIDDEN, python, shell } from './try';

const ROOT = '/opt/lamplighter';

/** The facts CONTROL_BUCKET: the pipeline's ledger. MODEL: the model's folder. */
export const drain: Family = {
  name: 'the drain’s means',
  tries: [
    {
      name: 'holds the drain’s lock',
      wall: 'TemporaryFileSystem, the folder’s mode',
      command: python(`
import fcntl
lock = open("${ROOT}/run/drain.lock")
try:
    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
except BlockingIOError:
    pass
print("opened")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the names of the buckets in the drain’s configuration',
      wall: 'TemporaryFileSystem',
      command: python(`print(len(open("${ROOT}/config.json").read()), "bytes")`),
      held: HIDDEN,
      control: 'bare',
    },
    {
      name: 'changes the drain’s program',
      wall: 'User, TemporaryFileSystem',
      command: python(`
for program in glob.glob("${ROOT}/runner/*.mjs") or ["${ROOT}/runner/none.mjs"]:
    open(program, "r+").close()
print("opened for writing")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'touches the heartbeat, which keeps the machine on',
      wall: 'User, TemporaryFileSystem',
      command: python(`os.utime("${ROOT}/run/heartbeat")\nprint("touched")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the drain’s account',
      wall: 'TemporaryFileSystem, the folder’s mode',
      command: python(`print(os.listdir("${ROOT}/run"))`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'puts a file into the model’s folder, for later jobs',
      wall: 'BindReadOnlyPaths',
      command: python(`
path = fact("MODEL") + "/poison"
open(path, "w").close()
os.unlink(path)
print("written")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'links a secret file into its output, which the drain uploads',
      wall: 'User, BindPaths',
      command: python(`
link = fact("OUTPUT_DIR") + "/linked"
os.link("/etc/shadow", link)
os.unlink(link)
print("linked")`),
      held: /Permission denied|Operation not permitted|cross-device|Read-only/,
      control: 'root',
    },
    {
      name: 'puts a symbolic link to a secret file into its output',
      wall: 'the drain follows no links',
      command: python(`
link = fact("OUTPUT_DIR") + "/link"
os.symlink("/etc/shadow", link)
if os.getuid() == 0:
    print(len(open(link).read()), "bytes")`),
      held: HIDDEN,
      failure: 'output',
      control: 'root',
    },
    {
      name: 'writes beside its own folders',
      wall: 'User, TemporaryFileSystem',
      command: python(`
path = os.path.join(os.path.dirname(fact("OUTPUT_DIR")), "beside")
open(path, "w").close()
os.unlink(path)
print("written")`),
      held: HIDDEN,
      control: 'root',
    },
    {
      name: 'reads the ledger through the machine’s aws command',
      wall: 'IPAddressDeny, rules of routing',
      command: shell(
        'AWS_EC2_METADATA_SERVICE_NUM_ATTEMPTS=1 aws s3api get-object --bucket "$CONTROL_BUCKET" --key gate.json "$TMPDIR/gate"',
      ),
      held: /[Cc]redentials/,
      control: 'root',
    },
  ],
};
