import { randomUUID } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { type AgentMessage, type StepOrder, lineOf, onLines } from './agent-messages';
import type { StepResult, StepRun } from './port';
import { cancelled, collect, statusOf } from './step-run';

/** A step that the agent runs. */
interface RunningStep {
  readonly order: StepOrder;
  readonly streams: Readonly<Record<'stdout' | 'stderr', PassThrough>>;
  readonly received: { stdout: number; stderr: number };
  isKilled: boolean;
  end(code: number, isLate: boolean): void;
  cancel(): void;
}

/** The local cloud's end of the connection to the agent, for one boot. */
export class AgentLink {
  private readonly steps = new Map<string, RunningStep>();
  private agent: Socket | undefined;
  private isOver = false;
  private becomesReady: () => void = () => undefined;
  /** Returns when the agent has connected for the first time. */
  readonly ready = new Promise<void>((resolve) => (this.becomesReady = resolve));

  constructor(private readonly token: string) {}

  serve(sockets: readonly Server[]): void {
    for (const socket of sockets) socket.on('connection', (connection: Socket) => this.accept(connection));
  }

  /** The machine is off: every step that runs has been interrupted. */
  close(): void {
    this.isOver = true;
    this.agent?.destroy();
    for (const step of this.steps.values()) step.cancel();
    this.steps.clear();
  }

  /** Runs one step. The result is `Cancelled` if the machine goes down before the step's end. */
  runStep(run: StepRun, environment: Readonly<Record<string, string>>): Promise<StepResult> {
    const { step } = run;
    if (this.isOver || run.isOff()) return Promise.resolve(cancelled(step.name));
    const startedAt = Date.now();
    return new Promise((settle) => {
      const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
      const stdout = collect(streams.stdout, (line) => run.onOutput('stdout', line));
      const stderr = collect(streams.stderr, (line) => run.onOutput('stderr', line));
      const order: StepOrder = {
        id: randomUUID(),
        script: step.script,
        workingDirectory: `/${step.workingDirectory}`,
        timeoutSeconds: step.timeoutSeconds,
        environment,
      };
      const running: RunningStep = {
        order,
        streams,
        received: { stdout: 0, stderr: 0 },
        isKilled: false,
        end: (responseCode, isLate) => {
          const output = { stdout: stdout(), stderr: stderr() };
          const times = { startedAt, endedAt: Date.now() };
          settle({ name: step.name, ...statusOf(responseCode, isLate), responseCode, ...output, ...times });
        },
        cancel: () => settle(cancelled(step.name)),
      };
      this.steps.set(order.id, running);
      run.onStart(() => {
        running.isKilled = true;
        this.agent?.write(lineOf({ kind: 'kill', id: order.id }));
      });
      this.give(running);
    });
  }

  private accept(connection: Socket): void {
    connection.on('error', () => connection.destroy());
    onLines(connection, (line) => {
      const message = messageIn(line);
      if (!message) connection.destroy();
      else if (message.kind === 'hello') this.welcome(connection, message.token);
      else if (connection === this.agent) this.receive(message);
    });
  }

  private welcome(connection: Socket, token: string): void {
    if (this.isOver || token !== this.token) {
      connection.destroy();
      return;
    }
    this.agent = connection;
    connection.once('close', () => {
      if (this.agent === connection) this.agent = undefined;
    });
    // An agent that has restarted goes on with its steps.
    for (const step of this.steps.values()) this.give(step);
    this.becomesReady();
  }

  private give({ order, received, isKilled }: RunningStep): void {
    this.agent?.write(lineOf({ kind: 'run', ...order, received }));
    if (isKilled) this.agent?.write(lineOf({ kind: 'kill', id: order.id }));
  }

  private receive(message: Exclude<AgentMessage, { kind: 'hello' }>): void {
    const step = this.steps.get(message.id);
    if (!step) return;
    if (message.kind === 'output') {
      const bytes = Buffer.from(message.bytes, 'base64');
      step.received[message.stream] += bytes.length;
      step.streams[message.stream].write(bytes);
      return;
    }
    this.steps.delete(message.id);
    // The streams pass their last bytes on before the result is made.
    setImmediate(() => step.end(message.code, message.isLate));
  }
}

/** Any program in the machine can connect, and send anything. */
function messageIn(line: string): AgentMessage | undefined {
  try {
    return JSON.parse(line) as AgentMessage;
  } catch {
    return undefined;
  }
}
