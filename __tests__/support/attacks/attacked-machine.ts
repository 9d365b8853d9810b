import { execFile, execFileSync } from 'node:child_process';
import { walls } from '../../../runner/isolation';
import { runningMachine } from '../../../local-cloud/machine/running-machine';
import { REGION } from '../local-cloud';
import { REBOUND_NAME } from './metadata';
import { CAPABLE_PYTHON, SET_UID_PYTHON } from './privileges';
import type { Control, Report, Try } from './try';

const ROOT = '/opt/lamplighter';

/** The attacker's user: the victim is in slot 0, each attack in slot 1. */
const ATTACKER = 20_001;
const VICTIM = 20_000;

/** The folder of a job that does not exist, for controls. */
const CONTROL_JOB = `${ROOT}/jobs/control`;

/** Maximum milliseconds of one control. */
const CONTROL_LIMIT_MS = 20_000;

/** Environment variables of the tries. */
export type Facts = Readonly<Record<string, string>>;

/** The systemd machine of a local cloud, as root in it sees it. */
export class AttackedMachine {
  constructor(private readonly directory: string) {}

  /** Runs a script as root, and returns what it prints. Throws if it fails. */
  root(script: string): string {
    return execFileSync('nsenter', this.inMachine(['sh', '-ceu', script]), {
      encoding: 'utf8',
      env: PLAIN,
    }).trim();
  }

  /** Makes what a careless person or a careless model could have left on a machine. */
  prepare(): void {
    this.root(`echo '169.254.169.254 ${REBOUND_NAME}' >>/etc/hosts
cp "$(readlink -f /usr/bin/python3)" ${SET_UID_PYTHON}
cp ${SET_UID_PYTHON} ${CAPABLE_PYTHON}
chmod 4755 ${SET_UID_PYTHON}
setcap cap_dac_read_search+ep ${CAPABLE_PYTHON}
systemd-run --quiet --collect --unit=bystander sleep infinity
as_victim='setpriv --reuid=${VICTIM} --regid=${VICTIM} --clear-groups'
for folder in /tmp /var/tmp /dev/shm; do $as_victim sh -c "echo careless >$folder/careless"; done
$as_victim python3 -c 'import ctypes, os; os.umask(0); ctypes.CDLL(None).shmget(0x1A3B, 4096, 0o1666)'`);
  }

  /** What an attacker may know: names and numbers are no secrets. */
  facts(victimJobId: string, controlBucket: string, endpoint: string): Facts {
    const [drain = '', victim = '', model = ''] = this.root(
      `
pgrep -f '^[^ ]*node [^ ]*[.]mjs drain' | tail -1
pgrep -u ${VICTIM} -f models/attacker | head -1
echo ${ROOT}/models/attacker/*`,
    ).split('\n');
    const group = '/sys/fs/cgroup/system.slice/bystander.service';
    return {
      DRAIN_PID: drain,
      VICTIM_PID: victim,
      VICTIM_JOB: `${ROOT}/jobs/${victimJobId}`,
      MODEL: model,
      BYSTANDER: group,
      CONTROL_BUCKET: controlBucket,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
    };
  }

  prepareControls(): void {
    this.root(`for name in input output home tmp; do mkdir -p ${CONTROL_JOB}/$name; done
chmod 711 ${CONTROL_JOB}
chown ${ATTACKER}:${ATTACKER} ${CONTROL_JOB}/*
mkdir -p ${SIGNS} ${ROOT}/home`);
  }

  /** The facts FREE_BYTES and FREE_FILES: the room on the disk. */
  room(): Facts {
    const [bytes = '', files = ''] = this.root(
      'df --output=avail -B1 / | tail -1; df --output=iavail / | tail -1',
    ).split('\n');
    return { FREE_BYTES: bytes.trim(), FREE_FILES: files.trim() };
  }

  /** Runs the command of a try where its wall is missing. */
  async control({ control, leave, command }: Try, facts: Facts): Promise<Report> {
    if (!leave) return this.without(control, command, facts);
    const before = { ...facts, ...this.room() };
    await this.without(control, leave, before);
    const report = await this.without(control, command, before);
    // --all has entered the machine's process namespace.
    this.root(
      `find /tmp /var/tmp /dev/shm -xdev -user ${ATTACKER} -delete; pkill -KILL -u ${ATTACKER} || true`,
    );
    return report;
  }

  /** Runs a command as root behind the first wall before the metadata service, which is not the wall of the user ids. */
  behindPacketFilter(command: readonly string[], facts: Facts): Promise<Report> {
    const properties = wallsOf(facts).filter((property) => property.startsWith('IPAddressDeny='));
    return this.run([...service({ ...this.environmentOf('root'), ...facts }, properties), ...command]);
  }

  private without(control: Control, command: readonly string[], facts: Facts): Promise<Report> {
    const environment = { ...PLAIN, ...this.environmentOf(control), ...facts };
    if (control === 'bare') {
      const user = [`--reuid=${ATTACKER}`, `--regid=${ATTACKER}`, '--clear-groups', '--'];
      return this.run(['setpriv', ...user, 'env', ...assignments(environment), ...command]);
    }
    const kept =
      control === 'root'
        ? []
        : wallsOf(facts).filter((property) => !control.some((name) => property.startsWith(`${name}=`)));
    return this.run([...service(environment, kept), ...command]);
  }

  private run(command: readonly string[]): Promise<Report> {
    const options = { env: PLAIN, timeout: CONTROL_LIMIT_MS };
    return new Promise((resolve) => {
      const child = execFile('nsenter', this.inMachine(command), options, (_error, stdout, stderr) => {
        const line = `${stderr}${stdout}`.trim().split('\n').at(-1) ?? '';
        resolve({ code: child.exitCode ?? -1, line });
      });
    });
  }

  private environmentOf(control: Control): Facts {
    const behindWalls = typeof control !== 'string';
    return {
      INPUT_DIR: `${CONTROL_JOB}/input`,
      OUTPUT_DIR: `${CONTROL_JOB}/output`,
      HOME: behindWalls ? `${ROOT}/home` : `${CONTROL_JOB}/home`,
      TMPDIR: behindWalls ? '/tmp' : `${CONTROL_JOB}/tmp`,
    };
  }

  private inMachine(command: readonly string[]): string[] {
    const init = runningMachine(this.directory);
    if (init === undefined) throw new Error('no machine runs');
    return ['--target', String(init), '--all', '--', ...command];
  }
}

const PLAIN = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Root's folder for the service's end. */
const SIGNS = '/run/lamplighter/control.service';

function service(environment: Facts, properties: readonly string[]): string[] {
  return [
    ...['systemd-run', '--quiet', '--wait', '--pipe', '--collect'],
    ...assignments(environment).map((each) => `--setenv=${each}`),
    ...properties.map((property) => `--property=${property}`),
    '--',
  ];
}

function assignments(environment: Facts): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

/** The walls of a job in slot 1. */
function wallsOf({ MODEL = '' }: Facts): string[] {
  return walls({
    program: 'run',
    uid: ATTACKER,
    root: ROOT,
    modelFolder: MODEL,
    jobFolder: CONTROL_JOB,
    signs: SIGNS,
    limits: { maxProcesses: 200, network: 'internet' },
    devices: [],
  });
}
