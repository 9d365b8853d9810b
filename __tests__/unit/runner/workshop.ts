import { strToU8, zipSync, type Zippable } from 'fflate';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../../lifecycle/clock';
import {
  DRAIN_STATUS_KEY,
  attemptsKey,
  claimKey,
  jobIdOf,
  openKey,
  receiptKey,
} from '../../../lifecycle/job';
import type { Log } from '../../../lifecycle/log';
import type { ModelRef } from '../../../lifecycle/model';
import {
  attemptsSchema,
  claimSchema,
  openRecordSchema,
  receiptSchema,
  type Claim,
  type EndedAttempts,
  type OpenRecord,
  type Receipt,
} from '../../../lifecycle/records';
import type { DrainPorts, Timings } from '../../../runner/context';
import { drain, type DrainEnd } from '../../../runner/drain';
import type {
  Host,
  JobFolder,
  ModelFolder,
  NumberedAttempt,
  OutputFile,
  ProcessEnd,
} from '../../../runner/host';
import { Machine } from '../../../runner/machine';
import { FakeS3 } from '../../support/fake-s3';

export const DATA = 'p-data';
export const OUTPUT = 'p-output';
export const CONTROL = 'p-control';

export interface LogLine {
  readonly level: string;
  readonly fact: string;
  readonly [detail: string]: unknown;
}

/** One pipeline's buckets in memory. Its methods do what uploaders, Terraform and the functions do to them. */
export class Pipeline {
  readonly s3: FakeS3;
  readonly lines: LogLine[] = [];
  readonly log: Log;
  leaseSeconds = 60;
  lingerSeconds = 0;
  private digests = 0;

  constructor(readonly clock: Clock) {
    this.s3 = new FakeS3(clock);
    const write =
      (level: string) =>
      (fact: string, details: Record<string, unknown> = {}) =>
        void this.lines.push({ level, fact, ...details });
    this.log = { info: write('info'), warn: write('warn'), error: write('error') };
    this.gate('OPEN');
  }

  gate(state: 'OPEN' | 'CLOSING' | 'CLOSED'): void {
    const gate = {
      version: 1,
      state,
      since: new Date(this.clock.now()).toISOString(),
      by: 'test',
      nonce: 'n',
    };
    this.s3.put(CONTROL, 'gate.json', JSON.stringify(gate));
  }

  /** Deploys a model of these text files. `run` and `setup` are executable. */
  model(files: Record<string, string>, name = 'model'): ModelRef {
    const zip: Zippable = {};
    for (const [path, text] of Object.entries(files)) {
      const mode = path === 'run' || path === 'setup' ? 0o755 : 0o644;
      zip[path] = [strToU8(text), { os: 3, attrs: ((0o100000 | mode) << 16) >>> 0 }];
    }
    return this.modelOfZip(zipSync(zip), name);
  }

  modelOfZip(zip: Uint8Array, name = 'model'): ModelRef {
    this.digests += 1;
    const { versionId } = this.s3.put(CONTROL, `models/${name}/model.zip`, zip);
    const digest = String(this.digests).padStart(64, '0');
    return { name, digest, zipKey: `models/${name}/model.zip`, zipVersionId: versionId };
  }

  /** Uploads a file and admits it. */
  job(
    key: string,
    content: string | Uint8Array,
    model: ModelRef,
    metadata?: Readonly<Record<string, string>>,
  ): string {
    const { versionId } = this.s3.put(DATA, key, content);
    const input = { bucket: DATA, key, versionId };
    const record: OpenRecord = {
      version: 1,
      jobId: jobIdOf(input),
      input: { ...input, sizeBytes: content.length },
      model,
      admittedAt: new Date(this.clock.now()).toISOString(),
      admittedBy: 'event',
      nonce: 'n',
    };
    this.s3.put(CONTROL, openKey(record.jobId), JSON.stringify(record), undefined, metadata);
    return record.jobId;
  }

  openRecord(jobId: string): OpenRecord {
    return openRecordSchema.parse(JSON.parse(this.s3.text(CONTROL, openKey(jobId)) ?? 'null'));
  }

  /** The record of ended attempts. */
  endedOf(jobId: string): EndedAttempts[] {
    const text = this.s3.text(CONTROL, attemptsKey(jobId));
    return text === undefined ? [] : attemptsSchema.parse(JSON.parse(text)).ended;
  }

  claimOf(jobId: string): Claim | undefined {
    const text = this.s3.text(CONTROL, claimKey(jobId));
    return text === undefined ? undefined : claimSchema.parse(JSON.parse(text));
  }

  /** Another drain's claim. Without a machine it is as the first release wrote it. */
  claim(jobId: string, claim: Partial<Claim>, machine?: { id: string; launchedAt?: string }): void {
    const at = (ms: number) => new Date(this.clock.now() + ms).toISOString();
    const whole: Claim = {
      version: 1,
      jobId,
      attempt: 1,
      bootId: 'boot-1',
      drainId: 'another-drain',
      claimedAt: at(-1000),
      leaseUntil: at(60_000),
      nonce: `of ${JSON.stringify(claim)}`,
      ...claim,
    };
    const metadata = machine && {
      machine: machine.id,
      ...(machine.launchedAt !== undefined && { 'launched-at': machine.launchedAt }),
    };
    this.s3.put(CONTROL, claimKey(jobId), JSON.stringify(whole), undefined, metadata);
  }

  receipt(key: string, jobId: string): Receipt {
    const text = this.s3.text(OUTPUT, receiptKey(key, jobId));
    if (text === undefined)
      throw new Error(`no receipt for ${key}; log: ${JSON.stringify(this.lines, null, 1)}`);
    return receiptSchema.parse(JSON.parse(text));
  }

  hasReceipt(key: string, jobId: string): boolean {
    return this.s3.text(OUTPUT, receiptKey(key, jobId)) !== undefined;
  }

  /** Keys of the records of jobs in the control bucket. */
  leftRecords(): string[] {
    return [...this.s3.objects(CONTROL).keys()].filter(
      (key) => /^(open|claims|attempts|status)\//.test(key) && key !== DRAIN_STATUS_KEY,
    );
  }

  facts(fact: string): LogLine[] {
    return this.lines.filter((line) => line.fact === fact);
  }

  ports(host: Host, overrides: Partial<DrainPorts> = {}): DrainPorts {
    return {
      config: {
        version: 1,
        pipeline: 'p',
        region: 'eu-central-1',
        dataBucket: DATA,
        outputBucket: OUTPUT,
        controlBucket: CONTROL,
        leaseSeconds: this.leaseSeconds,
        idleShutdownMinutes: 10,
        lingerSeconds: this.lingerSeconds,
      },
      s3: this.s3.client,
      clock: this.clock,
      host,
      log: this.log,
      drainId: 'drain-1',
      interrupt: new AbortController().signal,
      ...overrides,
    };
  }
}

/** The text of a model card. */
export const card = (details: object = {}, name = 'model') => JSON.stringify({ name, ...details });

// --- on the real machine -------------------------------------------------------------------------------------------

/** Timers that do not keep the test process alive. */
export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => void setTimeout(resolve, milliseconds).unref()),
};

export const QUICK: Partial<Timings> = {
  killGraceSeconds: 0.2,
  retryPauseSeconds: 0.02,
  pollSeconds: 0.05,
  statusSeconds: 0.05,
  beatSeconds: 0.05,
  setupPatienceSeconds: 0.1,
};

/** A pipeline and a runner's root folder on this machine; models are real programs. */
export class Workshop extends Pipeline {
  readonly root = join(mkdtempSync(join(tmpdir(), 'lamplighter runner ')), 'opt');
  bootId = 'boot-1';

  constructor() {
    super(realClock);
  }

  async machine(environment: NodeJS.ProcessEnv = {}): Promise<Machine> {
    return Machine.open({
      root: this.root,
      environment: { PATH: process.env.PATH, LAMPLIGHTER_BOOT_ID: this.bootId, ...environment },
      log: this.log,
    });
  }

  async drain(overrides: Partial<DrainPorts> = {}, environment: NodeJS.ProcessEnv = {}): Promise<DrainEnd> {
    return drain({
      ...this.ports(await this.machine(environment), overrides),
      timings: { ...QUICK, ...overrides.timings },
    });
  }

  remove(): void {
    rmSync(join(this.root, '..'), { recursive: true, force: true });
  }
}

// --- in virtual time -----------------------------------------------------------------------------------------------

/** A clock that jumps to the next timer when nothing else can happen. */
export class VirtualClock implements Clock {
  private time = Date.parse('2030-01-01T00:00:00Z');
  private timers: { at: number; ring: () => void }[] = [];

  now(): number {
    return this.time;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((ring) => {
      this.timers.push({ at: this.time + Math.max(0, milliseconds), ring });
    });
  }

  /** Runs the action after this many milliseconds. */
  at(milliseconds: number, action: () => void): void {
    this.timers.push({ at: this.time + milliseconds, ring: action });
  }

  /** Lets time pass until the promise settles. Throws after `limitMs` or if no timer is left. */
  async run<T>(promise: Promise<T>, limitMs = 48 * 3_600_000): Promise<T> {
    const end = this.time + limitMs;
    const settled = { yes: false };
    const noted = promise.finally(() => {
      settled.yes = true;
    });
    noted.catch(() => undefined);
    for (;;) {
      // In 25 turns of the event loop, everything happens that can happen without the passing of time.
      for (let turn = 0; turn < 25; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (settled.yes) return noted;
      this.timers.sort((a, b) => a.at - b.at);
      const next = this.timers.shift();
      if (!next || next.at > end) throw new Error(`stuck at ${new Date(this.time).toISOString()}`);
      this.time = Math.max(this.time, next.at);
      next.ring();
    }
  }
}

/** What a virtual model does with its input. The result is its exit code, or how something else ended it. A killed model needs none. */
export type VirtualModel = (
  input: string,
  job: { jobId: string; say: (line: string) => void },
) => Promise<number | VirtualEnd>;

/** How a program ends that does not exit by itself. */
export type VirtualEnd = Partial<ProcessEnd> & {
  /** The commands that isolate the program have failed. */
  readonly hasNotBegun?: true;
  readonly ranOutOfMemory?: true;
  readonly stderr?: string;
};

/** A machine in memory: models are functions, files are strings. */
export class VirtualHost implements Host {
  machineId = 'i-1';
  launchedAt: string | undefined = '2030-01-01T00:00:00.000Z';
  bootId = 'boot-1';
  /** The notes of shutdowns on this disk: boot id → why. */
  shutdowns = new Map<string, string>();
  reboots = 0;
  noticeText: string | undefined;
  noteShutdown = (why: string) => Promise.resolve(void this.shutdowns.set(this.bootId, why));
  shutdownOf = (bootId: string) => Promise.resolve(this.shutdowns.get(bootId));
  notice = () => Promise.resolve(this.noticeText);
  isGoingDown = false;
  isShuttingDown = () => Promise.resolve(this.isGoingDown);
  isDiskFull = false;
  readonly memoryBytes = 2 ** 30;
  reboot = () => {
    this.reboots += 1;
    return Promise.resolve();
  };
  readonly unpacked = new Set<string>();
  readonly ready = new Set<string>();
  readonly killed: string[] = [];
  readonly running = new Set<string>();
  beats = 0;
  /** The highest number of models that ran side by side. */
  mostRunning = 0;
  cardText = card();
  setup: (() => Promise<number | VirtualEnd>) | undefined;
  unpackFault: Error | undefined;
  /** How many of the next downloads lose their last byte. */
  cutDownloads = 0;
  outputs: Record<string, string> = { 'result.txt': 'done' };

  constructor(private readonly model: VirtualModel) {}

  uptime = 0;
  account: string | undefined;
  uptimeSeconds = () => this.uptime;
  readAccount = () => Promise.resolve(this.account);
  writeAccount = (text: string) => {
    this.account = text;
    return Promise.resolve();
  };
  clearLeftovers = () => Promise.resolve();
  pruneModels = () => Promise.resolve();

  beat(): Promise<void> {
    this.beats += 1;
    return Promise.resolve();
  }

  modelFolder({ digest }: ModelRef): ModelFolder {
    return {
      card: () => Promise.resolve(this.unpacked.has(digest) ? this.cardText : undefined),
      isReady: () => Promise.resolve(this.ready.has(digest)),
      unpack: () => {
        if (this.unpackFault) return Promise.reject(this.unpackFault);
        this.unpacked.add(digest);
        return Promise.resolve();
      },
      has: (program) => Promise.resolve(program === 'run' || this.setup !== undefined),
      markReady: () => {
        this.ready.add(digest);
        return Promise.resolve();
      },
    };
  }

  newJobFolder({ jobId }: NumberedAttempt): Promise<JobFolder> {
    let input = '';
    return Promise.resolve({
      receive: async (_name: string, body: Readable) => {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk as Buffer);
        const whole = Buffer.concat(chunks);
        const lost = this.cutDownloads > 0 ? 1 : 0;
        this.cutDownloads -= lost;
        const received = whole.subarray(0, whole.length - lost);
        input = received.toString('utf8');
        return received.length;
      },
      isolation: () => ({ kind: 'none' }),
      start: (_model, program, { output }) => {
        const say = (line: string) => output.stdout(Buffer.from(`${line}\n`));
        const work =
          program === 'setup' ? (this.setup?.() ?? Promise.resolve(0)) : this.model(input, { jobId, say });
        let kill: (end: ProcessEnd) => void = () => undefined;
        const killed = new Promise<ProcessEnd>((resolve) => (kill = resolve));
        this.running.add(jobId);
        this.mostRunning = Math.max(this.mostRunning, this.running.size);
        let over = false;
        let result: VirtualEnd = {};
        const ended = Promise.race([
          killed,
          work.then((how): ProcessEnd => {
            result = typeof how === 'number' ? { code: how } : how;
            if (result.stderr !== undefined) output.stderr(Buffer.from(`${result.stderr}\n`));
            return { code: result.code ?? null, signal: result.signal ?? null };
          }),
        ]).finally(() => {
          over = true;
          this.running.delete(jobId);
        });
        const end = (signal: string) => {
          if (!over) this.killed.push(jobId);
          kill({ code: null, signal });
        };
        return Promise.resolve({
          ended,
          hasBegun: () => result.hasNotBegun !== true,
          memory: () => ({ ranOut: result.ranOutOfMemory === true }),
          terminate: () => end('SIGTERM'),
          killAll: () => {
            end('SIGKILL');
            return Promise.resolve();
          },
        });
      },
      isDiskFull: () => Promise.resolve(this.isDiskFull),
      outputs: () => Promise.resolve(Object.entries(this.outputs).map(virtualFile)),
      remove: () => Promise.resolve(),
    });
  }
}

function virtualFile([path, text]: [string, string]): OutputFile {
  return {
    path,
    sizeBytes: Buffer.byteLength(text),
    readAll: () => Promise.resolve(Buffer.from(text)),
    read: () => {
      throw new Error('small files are read whole');
    },
  };
}
