/** The messages between the local cloud and the agent in a machine: lines of JSON over one connection. */

/** From the agent. */
export type AgentMessage =
  /** The first message: the secret of this boot, which only root can read in the machine. */
  | { readonly kind: 'hello'; readonly token: string }
  /** Bytes that a step wrote, in base64. */
  | {
      readonly kind: 'output';
      readonly id: string;
      readonly stream: 'stdout' | 'stderr';
      readonly bytes: string;
    }
  | { readonly kind: 'end'; readonly id: string; readonly code: number; readonly isLate: boolean };

/** To the agent. */
export type AgentOrder =
  /** `received`: the bytes of output that have arrived already, from an agent before a restart. */
  | ({ readonly kind: 'run'; readonly received: ReceivedBytes } & StepOrder)
  /** Kills the process group of a step. */
  | { readonly kind: 'kill'; readonly id: string };

/** One run of a step. An agent that restarts receives the orders that have not ended again, and goes on with them. */
export interface StepOrder {
  readonly id: string;
  readonly script: string;
  readonly workingDirectory: string;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** Number of bytes. */
export type ReceivedBytes = Readonly<Record<'stdout' | 'stderr', number>>;

/** The file in the machine with which the agent connects. */
export interface AgentSettings {
  readonly address: string;
  readonly port: number;
  readonly token: string;
}

/** Calls `onLine` with each whole line of a connection. */
export function onLines(
  connection: NodeJS.ReadableStream & { setEncoding(encoding: 'utf8'): unknown },
  onLine: (line: string) => void,
): void {
  let rest = '';
  connection.setEncoding('utf8');
  connection.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

export function lineOf(message: AgentMessage | AgentOrder): string {
  return `${JSON.stringify(message)}\n`;
}
