import { memoryForModels } from '../../runner/isolation';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drainDocument } from '../../modules/drain-document';
import { settingsWith, synthesizePipeline, temporaryFolder, writeFiles } from '../support/synth';

/** A runner that prints its arguments. Its exit code is in the file end-with, if that file exists. */
const RUNNER = `
import { existsSync, readFileSync } from 'node:fs';
console.log('runner', ...process.argv.slice(2));
if (existsSync('end-with')) process.exit(Number(readFileSync('end-with', 'utf8')));
`;

const steps = drainDocument({
  config: { version: 1, pipeline: 'scans', leaseSeconds: 60 },
  region: 'eu-central-1',
  controlBucket: 'scans-control',
  runnerKey: 'runner/runner.mjs',
  runnerVersionId: 'v1',
  runnerSha256: createHash('sha256').update(RUNNER).digest('hex'),
}).mainSteps;

/** The scripts as Terraform renders them, without escapes. */
const scripts = steps.map(({ inputs }) => inputs.runCommand.join('\n').replace(/([$%])\1(?=\{)/g, '$1'));
const [bringUp, drain] = scripts as [string, string];

describe('the document', () => {
  const { resource } = synthesizePipeline(settingsWith());
  const content = String(resource.aws_ssm_document!.drain!.content);

  test('takes no parameters, so nothing that an uploader controls reaches the shell', () => {
    const document = JSON.parse(content) as Record<string, unknown>;
    expect(Object.keys(document)).toEqual(['schemaVersion', 'description', 'mainSteps']);
    expect(content).not.toContain('{{');
  });

  test('contains no Terraform references except bucket names and the version of the runner', () => {
    const references = content.match(/(?<!\$)\$\{[^}]*\}/g);
    expect([...new Set(references)].sort()).toEqual([
      '${aws_s3_bucket.control.bucket}',
      '${aws_s3_bucket.data.bucket}',
      '${aws_s3_bucket.output.bucket}',
      '${aws_s3_object.runner.version_id}',
    ]);
    expect(content).not.toMatch(/(?<!%)%\{/);
  });

  test('does not drain if the machine could not be brought up, and drains for up to two days', () => {
    expect(steps.map(({ name, inputs }) => [name, inputs.onFailure, inputs.timeoutSeconds])).toEqual([
      ['bringUp', 'exit', '900'],
      ['drain', 'exit', '172800'],
    ]);
  });
});

describe('its scripts', () => {
  test.each(['bringUp', 'drain'])('%s has no quoting mistake', (name) => {
    const script = scripts[steps.findIndex((step) => step.name === name)]!;
    expect(run(['bash', '-n'], script)).toMatchObject({ status: 0, stderr: '' });
    const checked = run(['shellcheck', '-'], script);
    // If shellcheck is not installed, the check by bash must suffice.
    if (!checked.missing) expect(checked).toMatchObject({ status: 0, stdout: '' });
  });

  test('a fresh machine is brought up, and then drains', () => {
    const machine = freshMachine();
    expect(machine.run(bringUp)).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(machine.read('opt/config.json'))).toEqual({
      version: 1,
      pipeline: 'scans',
      leaseSeconds: 60,
    });
    expect(machine.read('aws.log').trim()).toMatch(
      /^s3api get-object --region eu-central-1 --bucket scans-control --key runner\/runner.mjs --version-id v1 .*\.mjs\.\d+$/,
    );
    expect(machine.run(drain)).toMatchObject({
      status: 0,
      stdout: `runner drain --config ${machine.folder}/opt/config.json\n`,
    });
  });

  test('a machine that is up is not brought up again', () => {
    const machine = freshMachine();
    machine.run(bringUp);
    writeFileSync(join(machine.folder, 'aws.log'), '');
    expect(machine.run(bringUp)).toMatchObject({ status: 0, stdout: 'lamplighter: ready\n' });
    expect(machine.read('aws.log')).toBe('');
    expect(readdirSync(join(machine.folder, 'opt', 'runner'))).toHaveLength(2);
  });

  test('a runner with another hash than the deployed one never runs', () => {
    const machine = freshMachine('console.log("hostile");');
    expect(machine.run(bringUp)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        'version v1, is not the runner that was deployed; deploy again',
      ) as unknown,
    });
    expect(readdirSync(join(machine.folder, 'opt', 'runner'))).toEqual(['node']);
    expect(machine.run(drain)).toMatchObject({
      status: 1,
      stderr: 'lamplighter: the machine was not brought up; see the output of the step bringUp\n',
    });
  });

  test('a runner that S3 does not find at once, in a bucket that is minutes old, is fetched again', () => {
    const machine = freshMachine();
    const fetch = readFileSync(join(machine.folder, 'bin', 'aws'), 'utf8').replace('#!/bin/sh\n', '');
    machine.program('aws', `echo x >> tries; [ $(wc -l < tries) -ge 4 ] || exit 254\n${fetch}`);
    machine.program('sleep', 'exit 0');
    expect(machine.run(bringUp)).toMatchObject({ status: 0 });
    expect(machine.run(drain)).toMatchObject({ status: 0 });
  });

  test('a failed download of the runner is reported, with its cause', () => {
    const machine = freshMachine();
    machine.program('sleep', 'exit 0');
    writeFileSync(join(machine.folder, 'bin', 'aws'), '#!/bin/sh\necho denied >&2\nexit 254\n');
    expect(machine.run(bringUp)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /^(?:denied\n)+lamplighter: s3:\/\/scans-control\/runner\/runner.mjs could not/,
      ) as unknown,
    });
  });

  test('in the local cloud, where the instance is a folder, nothing is installed and nothing shuts down', () => {
    const machine = freshMachine();
    for (const program of ['dnf', 'apt-get', 'systemctl'])
      machine.program(program, 'echo "$0" >> installed.log');
    for (const name of ['node', 'node-24', 'node-22', 'node-20', 'nodejs']) machine.program(name, 'exit 1');
    expect(machine.run(bringUp)).toMatchObject({
      status: 1,
      stderr: 'lamplighter: Node.js 20 or newer is needed on the PATH; install it and try again\n',
    });
    expect(existsSync(join(machine.folder, 'installed.log'))).toBe(false);
  });

  test('a second drain waits for the end of the first', () => {
    const machine = freshMachine();
    machine.run(bringUp);
    machine.program('flock', '[ "$1" != -n ] || exit 1; shift; echo "has the lock"; exec "$@"');
    expect(machine.run(drain)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /another drain is running; this one waits for its end\nhas the lock\n/,
      ) as unknown,
    });
  });

  test('a failed drain is a failed command', () => {
    const machine = freshMachine();
    machine.run(bringUp);
    writeFileSync(join(machine.folder, 'end-with'), '3');
    expect(machine.run(drain)).toMatchObject({ status: 3 });
  });
});

/** How to run a shell that may mount. The mounts end with the shell. Undefined: this user may not. */
const asMounter = [
  ['unshare', '-m'],
  ['unshare', '-rm'],
].find((words) => run([...words, 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], '').status === 0);

if (!asMounter) console.warn('unshare cannot mount here: the tests of a full disk are SKIPPED');

(asMounter ? describe : describe.skip)('on a machine whose disk is full', () => {
  const LEFT = {
    jobs: 'opt/jobs/job-1/output',
    zip: 'opt/models/m/d1.zip',
    half: 'opt/models/m/d1.unpacking',
  };

  /** Brings a machine up, runs commands that fill its disk (160 MiB, 2,500 files), and brings it up again. */
  function bringUpAfter(filling: string, after = '') {
    const machine = freshMachine();
    const own = bringUp.replace('${LAMPLIGHTER_ROOT:-/opt/lamplighter}', join(machine.folder, 'disk', 'opt'));
    for (const [name, script] of [
      ['first', own],
      ['second', own.replaceAll('"leaseSeconds":60', '"leaseSeconds":61')],
    ] as const)
      writeFiles(machine.folder, { [name]: script });
    machine.program('systemctl', 'exit 1');
    const steps = [
      'mkdir disk && mount -t tmpfs -o size=160m,nr_inodes=2500 none disk && mount -t tmpfs none /run',
      'mkdir -p $(dirname $(command -v node))',
      'bash first >first.log || exit 90',
      `cd disk && mkdir -p ${LEFT.jobs} ${LEFT.half} opt/models/m/d0 && echo record > opt/jobs/job-1/process.json`,
      'touch opt/run/drain.lock',
      filling,
      '! (echo more > one-more) 2>/dev/null || exit 91',
      'cd .. && bash second; code=$?',
      after,
      'cat disk/opt/config.json; ls disk/opt/jobs/* disk/opt/models/* disk/opt/run/ballast 2>/dev/null | tr -s "\\n" " "; exit $code',
    ];
    const env = { PATH: `${join(machine.folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: machine.folder };
    return run([...asMounter!, 'bash', '-s'], steps.join('\n'), { cwd: machine.folder, env });
  }

  const FULL = 'head -c 200M /dev/zero 2>/dev/null >';
  const OUT_OF_FILES = 'touch $(seq -f %g 3000) 2>/dev/null';

  test.each([
    ['a model that died with its machine', `${FULL} ${LEFT.jobs}/result`],
    ['a download that died with its machine', `${FULL} ${LEFT.zip}`],
    ['an unpacking that died with its machine', `${FULL} ${LEFT.half}/weights`],
    ['a model that wrote as many files as the disk can hold', `(cd ${LEFT.jobs}; ${OUT_OF_FILES})`],
  ])('the machine is brought up, and cleared: %s', (_name, filling) => {
    const { status, stdout, stderr } = bringUpAfter(filling);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('"leaseSeconds":61');
    // The drain needs the record to kill the processes of a drain that died alone.
    expect(stdout).toMatch(
      /disk\/opt\/jobs\/job-1: process\.json disk\/opt\/models\/m: d0 disk\/opt\/run\/ballast: 1 /,
    );
  });

  test.each([
    ['other files', `${FULL} log`],
    ['as many other files as it can hold', OUT_OF_FILES],
  ])('the ballast makes room, if the disk is full of %s', (_name, filling) => {
    const { status, stdout, stderr } = bringUpAfter(filling);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('"leaseSeconds":61');
    expect(stdout).not.toContain('ballast');
  });

  test('the ballast is laid down again when there is room', () => {
    const { status, stdout } = bringUpAfter(`${FULL} log`, 'rm disk/log; bash second');
    expect(status).toBe(0);
    expect(stdout).toContain('run/ballast: 1 ');
  });

  test('each boot makes room before the SSM agent starts, which cannot take a command without room', () => {
    const machine = freshMachine();
    const own = bringUp.replace('${LAMPLIGHTER_ROOT:-/opt/lamplighter}', join(machine.folder, 'disk', 'opt'));
    writeFiles(machine.folder, { first: own });
    machine.program('systemctl', 'echo "$@" >> systemctl.log');
    for (const name of ['systemd-run', 'systemd-sysusers', 'ip']) machine.program(name, 'exit 0');
    const steps = [
      'mkdir disk && mount -t tmpfs -o size=160m none disk && mount -t tmpfs none /run',
      'mkdir -p /run/systemd/system /run/units && mount --bind /run/units /etc/systemd/system',
      `bash first && bash first && mkdir -p disk/${LEFT.jobs} && touch disk/opt/run/drain.lock`,
      `${FULL} disk/log; touch disk/${LEFT.jobs}/result`,
      'bash disk/opt/runner/make-room.sh && echo more > disk/one-more && ls disk/opt/jobs/job-1 disk/opt/run',
      'cat systemctl.log /run/units/lamplighter-room.service',
    ];
    const env = { PATH: `${join(machine.folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: machine.folder };
    const { status, stdout } = run([...asMounter!, 'bash', '-s'], steps.join('\n'), {
      cwd: machine.folder,
      env,
    });
    expect(status).toBe(0);
    expect(stdout).toContain('disk/opt/jobs/job-1:\n\ndisk/opt/run:\ndrain.lock\nheartbeat\n');
    expect(stdout).toMatch(/^--quiet enable lamplighter-room.service$/m);
    expect(stdout).toMatch(/^Before=amazon-ssm-agent.service/m);
    expect(stdout).toMatch(/^ExecStart=\/bin\/bash .*\/disk\/opt\/runner\/make-room.sh$/m);
    // A second command changes nothing.
    expect(stdout.match(/daemon-reload/g)).toHaveLength(1);
  });

  test('what a drain needs stays, while a drain runs', () => {
    const running = `${FULL} ${LEFT.jobs}/result; exec 9>opt/run/drain.lock; flock 9`;
    const { status, stdout } = bringUpAfter(running);
    expect(status).toBe(0);
    expect(stdout).toContain('output process.json');
  });
});

(asMounter ? describe : describe.skip)('on a machine with systemd', () => {
  /** Brings a machine up on which these programs are missing. Its unit files and `run` folder are printed. */
  const bringUpWithout = (...missing: string[]) => bringUpWith({ missing });

  /** `wallsEnd`: the exit code of the runner's look at the walls. `programs`: more programs of the machine. */
  function bringUpWith({
    missing = [],
    wallsEnd = 0,
    programs = {},
  }: {
    missing?: string[];
    wallsEnd?: number;
    programs?: Record<string, string>;
  }) {
    const machine = freshMachine();
    writeFiles(machine.folder, {
      'end-with': String(wallsEnd),
      script: bringUp.replace('${LAMPLIGHTER_ROOT:-/opt/lamplighter}', join(machine.folder, 'opt')),
    });
    const stubs = ['systemctl', 'systemd-run', 'systemd-sysusers', 'ip'];
    for (const name of stubs) machine.program(name, 'exit 0');
    for (const [name, body] of Object.entries(programs)) machine.program(name, body);
    const steps = [
      'mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/units',
      'mount --bind /run/units /etc/systemd/system',
      'mkdir tools && ln -sf /usr/sbin/* /usr/bin/* "$(command -v node)" "$PWD"/bin/* tools/ 2>/dev/null',
      `cd tools && rm -f ${missing.join(' ')} && cd ..`,
      'env PATH="$PWD/tools" /bin/bash script; code=$?',
      'stat -c "run %a" opt/run; cat /run/units/lamplighter-idle.service /run/units/lamplighter.slice; exit $code',
    ];
    const env = { PATH: `${join(machine.folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: machine.folder };
    return run([...asMounter!, 'bash', '-s'], steps.join('\n'), { cwd: machine.folder, env });
  }

  test('models cannot open the lock, and the idle timer’s unit leaves the lock’s holder alone', () => {
    const { status, stdout, stderr } = bringUpWithout();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^run 700$/m);
    expect(stdout).toMatch(/^KillMode=process$/m);
    // The kernel's kB are KiB. See memoryForModels.
    const kib = Number(/^MemTotal: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
    expect(stdout).toContain(`\nMemoryMax=${Math.floor(memoryForModels(kib * 1024) / 1024)}K\n`);
  });

  test('a machine with a GPU makes its device files at each command, and says which are missing', () => {
    const { status, stdout } = bringUpWith({
      programs: { 'nvidia-modprobe': 'echo made $*', 'nvidia-smi': 'exit 9' },
    });
    expect(status).toBe(0);
    expect(stdout).toContain('made -u -c 0\n');
    expect(stdout).toContain(
      'lamplighter: /dev/nvidia-uvm is missing: models cannot use the GPU; see whether nvidia-smi runs\n',
    );
  });

  test('without walls that hold it fails, and says so', () => {
    const { status, stderr } = bringUpWith({ wallsEnd: 1 });
    expect(status).toBe(1);
    expect(stderr).toContain(
      'lamplighter: the walls around models do not hold on this machine; the lines above say why\n',
    );
  });

  test.each([
    ...['systemd-run', 'systemd-sysusers', 'flock', 'ip'].map((program) => [
      program,
      `lamplighter: ${program} is needed: install util-linux, systemd and iproute\n`,
    ]),
    ['aws', 'lamplighter: aws is needed: install the AWS CLI\n'],
    ['node', 'Node.js could not be installed; the lines above say why\n'],
  ])('without %s it fails, and says what to do', (program, error) => {
    const others = program === 'node' ? ['nodejs', 'dnf', 'apt-get'] : [];
    const { status, stderr } = bringUpWithout(program, ...others);
    expect(status).toBe(1);
    expect(stderr).toContain(error);
  });
});

const isInstalled = (name: string) => !run([name, '--version'], '').missing;
const hasApt = ['apt-get', 'python3'].every(isInstalled) && !isInstalled('dnf');

if (!hasApt) console.warn('this is no Debian with python3: the test of the locks of apt-get is SKIPPED');

/** Holds the locks of apt-get, which are no locks of `flock`, for two seconds. */
const HOLD_LOCKS = `
import fcntl, sys, time
files = [open(name, 'r+') for name in sys.argv[1:]]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
open('held', 'w').close()
time.sleep(2)
`;

(hasApt ? test : test.skip)(
  'Node.js is installed although another program holds the locks of apt-get',
  () => {
    const { folder } = freshMachine();
    const locks = ['state/lists/lock', 'dpkg/lock-frontend', 'dpkg/lock'];
    writeFiles(folder, {
      ...Object.fromEntries(
        [...locks, 'state/lists/partial/x', 'cache/archives/partial/x'].map((name) => [name, '']),
      ),
      'dpkg/status':
        'Package: nodejs\nStatus: install ok installed\nVersion: 20\nArchitecture: all\nMaintainer: x\nDescription: x\n',
      'hold.py': HOLD_LOCKS,
      'apt.conf': [
        `Dir::State "${folder}/state"; Dir::State::status "${folder}/dpkg/status"; Dir::Cache "${folder}/cache";`,
        'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null"; Debug::NoLocking "false";',
      ].join('\n'),
      install: `${bringUp.replace(/\nmain$/, '')}\ninstall_node`,
    });
    const steps = [
      `python3 hold.py ${locks.join(' ')} &`,
      'until [ -f held ]; do sleep 0.1; done',
      'bash install; code=$?; wait; exit $code',
    ];
    const env = { PATH: process.env.PATH, APT_CONFIG: join(folder, 'apt.conf') };
    const installed = run(['bash', '-s'], steps.join('\n'), { cwd: folder, env });
    expect(installed).toMatchObject({ status: 0, stderr: '' });
    expect(installed.stdout).toContain('nodejs is already the newest version');
  },
);

/** A folder in place of a machine, with a program `aws` that downloads the text `runner`. */
function freshMachine(runner = RUNNER) {
  const folder = temporaryFolder('lamp lighter-');
  writeFiles(folder, { 'runner.mjs': runner });
  const program = (name: string, body: string) => {
    writeFiles(folder, { [`bin/${name}`]: `#!/bin/sh\n${body}\n` });
    chmodSync(join(folder, 'bin', name), 0o755);
  };
  program('aws', 'echo "$@" >> aws.log\nfor file; do :; done\ncp runner.mjs "$file"');
  return {
    folder,
    program,
    read: (name: string) => readFileSync(join(folder, name), 'utf8'),
    run: (script: string) =>
      run(['bash', '-s'], script, {
        cwd: folder,
        env: {
          PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`,
          HOME: folder,
          LAMPLIGHTER_ROOT: join(folder, 'opt'),
        },
      }),
  };
}

function run(
  [program, ...args]: string[],
  input: string,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const { status, stdout, stderr, error } = spawnSync(program!, args, {
    input,
    encoding: 'utf8',
    ...options,
  });
  return { status, stdout, stderr, missing: error !== undefined };
}
