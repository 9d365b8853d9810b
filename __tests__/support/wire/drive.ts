import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** A call of a part: the client, the command's name and its input. `upload`: lib-storage sends it in parts. */
export interface Call {
  readonly client: string;
  readonly command: string;
  readonly input: object;
}

/** What a call gave, as JSON: its result, or the error and what the code reads of an error. */
export type Outcome = { readonly result: unknown } | { readonly error: unknown };

interface Client {
  send(command: unknown): Promise<unknown>;
  readonly middlewareStack: {
    add(middleware: unknown, options: object): void;
  };
}
type CommandClass = new (input: object) => object;
type Upload = new (options: object) => { done(): Promise<unknown> };

/** What a driver's process reads: rounds, one after the other, each with new clients. */
export interface Drive {
  readonly calls: readonly Call[];
  readonly rounds: readonly Round[];
}

/** Environment variables, and whether the calls stop before a request leaves the process. */
export interface Round {
  readonly environment: Readonly<Record<string, string>>;
  readonly isDry: boolean;
}

/**
 * Runs the calls of the file that the environment names, and prints the outcomes of each round. Bundled with a part's clients
 * and commands, this is the program of `requests.ts`.
 */
export async function drive(
  makeClients: () => Readonly<Record<string, unknown>>,
  commands: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { calls, rounds } = JSON.parse(readFileSync(process.env.WIRE_CALLS ?? '', 'utf8')) as Drive;
  const before = { ...process.env };
  const outcomes: Outcome[][] = [];
  for (const { environment, isDry } of rounds) {
    process.env = { ...before, ...environment };
    outcomes.push(await outcomesOf(makeClients(), commands, calls, isDry));
  }
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
}

async function outcomesOf(
  clients: Readonly<Record<string, unknown>>,
  commands: Readonly<Record<string, unknown>>,
  calls: readonly Call[],
  isDry: boolean,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { client: name, command, input } of calls) {
    const client = clients[name] as Client;
    if (isDry) stopBeforeSending(client);
    try {
      outcomes.push({ result: await plain(await run(client, commands[command], input)) });
    } catch (error) {
      outcomes.push({ error: await plain(error) });
    }
  }
  return outcomes;
}

function run(client: Client, command: unknown, input: object): Promise<unknown> {
  const isUpload = 'partSize' in input;
  if (isUpload) return new (command as Upload)({ client, ...input }).done();
  return client.send(new (command as CommandClass)(input));
}

/** Throws what would be sent. */
function stopBeforeSending({ middlewareStack }: Client): void {
  const stop =
    () =>
    ({ request }: { request: Record<string, unknown> }) => {
      const { method, protocol, hostname, port, path, query, headers } = request;
      const { authorization } = headers as Record<string, string>;
      throw Object.assign(new Error('not sent'), {
        request: { method, protocol, hostname, port, path, query, scope: scopeOf(authorization) },
      });
    };
  middlewareStack.add(stop, { step: 'deserialize', priority: 'low', name: 'stop', override: true });
}

/** The region, the service and the signed headers of a signature. */
export function scopeOf(authorization = ''): string {
  return authorization.replace(/\/\d{8}\//, '/DATE/').replace(/Signature=\w+/, 'Signature=');
}

/** A value as JSON that tells dates, bytes and errors apart. A stream is read. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Date) return { date: value.toISOString() };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('base64') };
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'bigint' || typeof value === 'function' ? String(value) : value;
  }
  if ('transformToString' in value) {
    return { stream: await (value as { transformToString(): Promise<string> }).transformToString() };
  }
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  const own: [string, unknown][] = Object.entries(value);
  if (value instanceof Error) own.push(['name', value.name], ['message', value.message]);
  const entries = own.map(async ([key, each]) => [key, await plain(each)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
