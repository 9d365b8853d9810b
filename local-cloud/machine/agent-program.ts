/**
 * The SSM agent in a systemd machine. It behaves as Amazon's does with a shell script
 * (https://github.com/aws/amazon-ssm-agent, executers_unix.go):
 *
 * - The script is a file that `sh -c` runs, as root, without HOME, in a process group of its own.
 * - A cancel and a timeout kill the process group with SIGKILL.
 * - A worker process runs the script. It outlives the agent, and a restarted agent goes on with it.
 *
 * `agent SETTINGS_FILE FOLDER` runs the agent, `agent worker FOLDER` a worker.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { type Socket, connect } from 'node:net';
import { join } from 'node:path';
import {
  type AgentMessage,
  type AgentOrder,
  type AgentSettings,
  type ReceivedBytes,
  type StepOrder,
  lineOf,
  onLines,
} from './agent-messages';

/** Milliseconds between two tries to connect, and between two looks at the output. */
const POLL_MS = 100;

/** Bytes that are read at once. */
const CHUNK_BYTES = 64 * 1024;

const [first = '', second = ''] = process.argv.slice(2);
if (first === 'worker') work(second);
else openConnection(first, second);

function openConnection(settingsFile: string, folder: string): void {
  const settings = JSON.parse(readFileSync(settingsFile, 'utf8')) as AgentSettings;
  const followed = new Map<string, StepFollower>();
  const connection = connect(settings.port, settings.address);
  const send = (message: AgentMessage) => void connection.write(lineOf(message));
  connection.once('connect', () => send({ kind: 'hello', token: settings.token }));
  onLines(connection, (line) => {
    const order = JSON.parse(line) as AgentOrder;
    if (order.kind === 'kill') followed.get(order.id)?.kill();
    else if (!followed.has(order.id)) {
      const follower = new StepFollower(join(folder, order.id), order, send, () => followed.delete(order.id));
      followed.set(order.id, follower);
    }
  });
  reconnectAfter(connection, () => {
    for (const follower of followed.values()) follower.leave();
    openConnection(settingsFile, folder);
  });
}

function reconnectAfter(connection: Socket, again: () => void): void {
  connection.on('error', () => undefined);
  connection.once('close', () => setTimeout(again, POLL_MS));
}

/** Starts a step's worker unless it runs already, and reports what the worker writes to the step's folder. */
class StepFollower {
  private readonly timer: NodeJS.Timeout;
  private readonly read: Record<'stdout' | 'stderr', number>;
  private isLate = false;
  private mustEnd = false;

  constructor(
    private readonly folder: string,
    private readonly order: StepOrder & { readonly received: ReceivedBytes },
    private readonly send: (message: AgentMessage) => void,
    private readonly onEnd: () => void,
  ) {
    this.read = { ...order.received };
    if (!existsSync(folder)) this.begin();
    const beganAt = Number(readFileSync(join(folder, 'began'), 'utf8'));
    this.timer = setInterval(() => this.look(beganAt), POLL_MS);
  }

  kill(): void {
    this.mustEnd = true;
  }

  /** Reports nothing more. The worker goes on. */
  leave(): void {
    clearInterval(this.timer);
  }

  private begin(): void {
    const { script, workingDirectory, environment } = this.order;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.folder, '_script.sh'), `${script}\n`, { mode: 0o700 });
    writeFileSync(join(this.folder, 'began'), String(Date.now()));
    for (const name of ['stdout', 'stderr']) writeFileSync(join(this.folder, name), '');
    const worker = spawn(process.execPath, [process.argv[1] ?? '', 'worker', this.folder], {
      cwd: workingDirectory,
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    });
    worker.once('error', () => writeFileSync(join(this.folder, 'exit'), '1'));
    worker.unref();
  }

  private look(beganAt: number): void {
    // The end is looked at first: then all output is there.
    const code = textIn(join(this.folder, 'exit'));
    for (const stream of ['stdout', 'stderr'] as const) this.report(stream);
    if (code !== '') {
      this.leave();
      this.send({ kind: 'end', id: this.order.id, code: Number(code), isLate: this.isLate });
      this.onEnd();
      return;
    }
    this.isLate ||= Date.now() - beganAt > this.order.timeoutSeconds * 1000;
    if (this.isLate || this.mustEnd) this.killGroup();
  }

  /** The group may not exist yet: the next look kills it then. */
  private killGroup(): void {
    const group = Number(textIn(join(this.folder, 'group')));
    if (group <= 1) return;
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // The group has ended.
    }
  }

  private report(stream: 'stdout' | 'stderr'): void {
    const file = openSync(join(this.folder, stream), 'r');
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const bytes = readSync(file, buffer, 0, CHUNK_BYTES, this.read[stream]);
        if (bytes === 0) return;
        this.read[stream] += bytes;
        const text = buffer.subarray(0, bytes).toString('base64');
        this.send({ kind: 'output', id: this.order.id, stream, bytes: text });
      }
    } finally {
      closeSync(file);
    }
  }
}

/** Runs a step's script, and writes its exit code. */
function work(folder: string): void {
  const outputs = ['stdout', 'stderr'].map((name) => openSync(join(folder, name), 'a'));
  const environment = { ...process.env };
  delete environment.HOME;
  const child = spawn('/bin/sh', ['-c', join(folder, '_script.sh')], {
    detached: true,
    stdio: ['ignore', ...outputs],
    env: environment,
  });
  const end = (code: number) => {
    try {
      writeFileSync(join(folder, 'exit.next'), String(code));
      renameSync(join(folder, 'exit.next'), join(folder, 'exit'));
    } catch {
      // The disk is full.
      setTimeout(() => end(code), POLL_MS);
    }
  };
  child.once('error', () => end(1));
  child.once('exit', (code) => end(code ?? 137));
  if (child.pid !== undefined) writeFileSync(join(folder, 'group'), String(child.pid));
}

/** A file's text. Empty if there is no such file. */
function textIn(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
