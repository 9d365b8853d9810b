import { build, type BuildOptions } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleOptions, type Part } from '../../../modules/bundle';
import { scopeOf, type Drive, type Outcome } from './drive';

const ROOT = join(__dirname, '..', '..', '..');

/** `cut`: as the part's bundle, with its cuts. `whole`: the SDK as npm installs it. */
export type Variant = 'cut' | 'whole';

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a part's clients did with a list of calls. */
export interface Exchange {
  readonly requests: readonly Request[];
  /** For each round, the outcome of each call. */
  readonly outcomes: readonly (readonly Outcome[])[];
  /** How many connections the requests needed. */
  readonly connections: number;
}

interface Request {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The headers that differ from call to call. Of the signature, the signed headers and the scope are compared. */
const EXCEPTED = ['x-amz-date', 'amz-sdk-invocation-id', 'user-agent', 'x-amz-user-agent'];

/** The program that runs calls with the part's own clients. */
export async function driverOf(
  part: Part,
  variant: Variant,
  commands: ReadonlyMap<string, string>,
): Promise<string> {
  const imports = [...commands].map(
    ([command, client]) => `import { ${command} } from '@aws-sdk/client-${client}';`,
  );
  if (part === 'runner') imports.push("import { Upload } from '@aws-sdk/lib-storage';");
  const names = [...commands.keys(), ...(part === 'runner' ? ['Upload'] : [])];
  const contents = `${imports.join('\n')}
    ${CLIENTS[part]}
    import { drive } from './__tests__/support/wire/drive';
    void drive(makeClients, { ${names.join(', ')} });`;
  const { entryPoints: _, ...options } = bundleOptions(ROOT, part);
  const whole: BuildOptions = { plugins: [], packages: 'external', minify: false };
  const { outputFiles } = await build({
    ...options,
    ...(variant === 'whole' && whole),
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

const LEDGER = "import { ledgerClients as makeClients } from './lifecycle/clients';";
const CLIENTS: Readonly<Record<Part, string>> = {
  trigger: LEDGER,
  stop: LEDGER,
  worker: `import { ec2Client, ssmClient } from './lifecycle/clients';
    const makeClients = () => ({ ec2: ec2Client(), ssm: ssmClient() });`,
  runner: `import { s3Client } from './runner/s3-client';
    const makeClients = () => ({ s3: s3Client(process.env.AWS_REGION) });`,
};

/** A server on loopback that gives the answers in turn, and keeps each request. */
export class Recorder {
  private readonly server = createServer((request, response) => void this.answer(request, response));
  private readonly sockets = new Set<Socket>();
  private requests: Request[] = [];
  private answers: Answer[] = [];

  async open(): Promise<string> {
    this.server.on('connection', (socket) => this.sockets.add(socket));
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Runs a driver's calls, and returns what it sent and what it made of the answers. */
  async exchange(driver: Driver, answers: readonly Answer[]): Promise<Exchange> {
    this.requests = [];
    this.sockets.clear();
    this.answers = [...answers];
    const outcomes = await outcomesOf(driver);
    return { requests: this.requests, outcomes, connections: this.sockets.size };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.entries(request.headers).filter(([name]) => !EXCEPTED.includes(name));
    this.requests.push({
      method: request.method,
      url: request.url,
      headers: {
        ...(Object.fromEntries(headers) as Record<string, string>),
        authorization: scopeOf(request.headers.authorization),
      },
      body: Buffer.concat(chunks).toString('latin1'),
    });
    const { status, headers: more, body } = this.answers.shift() ?? { status: 599 };
    response.writeHead(status, { 'x-amzn-requestid': 'a request', ...more }).end(body);
  }
}

export interface Driver extends Drive {
  readonly program: string;
  readonly part: Part;
  readonly variant: Variant;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the calls of a driver in a process without this machine's settings of AWS. */
async function outcomesOf({ program, part, variant, environment, ...drive }: Driver): Promise<Outcome[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'wire-'));
  const calls = join(folder, 'calls.json');
  writeFileSync(calls, JSON.stringify(drive satisfies Drive));
  const type = part === 'runner' ? 'module' : 'commonjs';
  const child = spawn(process.execPath, [`--input-type=${type}`, '-'], {
    // From here the whole variant resolves its packages.
    cwd: variant === 'whole' ? ROOT : folder,
    env: { PATH: process.env.PATH, HOME: folder, WIRE_CALLS: calls, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(program);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (output === '') throw new Error(`the ${variant} ${part} gave no outcome: ${errors}`);
  return JSON.parse(output) as Outcome[][];
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
