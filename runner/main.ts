import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../lifecycle/clock';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { jsonLog, type Log } from '../lifecycle/log';
import { readConfig, type RunnerConfig } from './config';
import { drain } from './drain';
import { InterruptedError } from './failures';
import { shutDownIfIdle } from './idle';
import { Machine, platformFacts, readBootId } from './machine';
import { s3Client } from './s3-client';
import { wallsHold } from './walls';

/** Exit codes: of sysexits.h for a wrong call, of the shell for a signal. */
const EXIT = { ok: 0, failed: 1, usage: 64, config: 78, SIGINT: 130, SIGTERM: 143 };

/** The file descriptor of standard output. */
const STDOUT = 1;

/** Time limit of an interrupted drain, which kills its models and releases its claims. S3 may not answer. */
const STOP_LIMIT_MS = 15_000;

/** Maximum time from the order to reboot to the SIGTERM of the shutdown. */
const REBOOT_LIMIT_MS = 120_000;

const USAGE = `usage: runner.mjs drain --config FILE   run the open jobs until none is left
       runner.mjs walls --config FILE   see whether the walls around models hold
       runner.mjs idle --config FILE    switch the machine off if nothing has run for a while
`;

// Models of other users read the folders that this program makes.
process.umask(0o022);

const COMMANDS = ['drain', 'walls', 'idle'] as const;

type Command = (typeof COMMANDS)[number];

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(error instanceof InvalidInputError ? EXIT.config : EXIT.failed);
  },
);

async function main(args: string[]): Promise<number> {
  const call = parseCall(args);
  if (typeof call === 'string') {
    process.stderr.write(`${call}\n${USAGE}`);
    return EXIT.usage;
  }
  const config = await readConfig(call.config);
  const root = dirname(resolve(call.config));
  const drainId = randomUUID();
  const log = jsonLog({ part: call.command, pipeline: config.pipeline, drainId }, writeLine);
  if (call.command === 'drain') return runDrain(config, root, drainId, log);
  const environment = process.env;
  const bootId = await readBootId(environment);
  if (call.command === 'walls') {
    const holds = await wallsHold({ root, facts: platformFacts(environment), environment, log });
    return holds ? EXIT.ok : EXIT.failed;
  }
  const { idleShutdownMinutes } = config;
  await shutDownIfIdle({ root, idleShutdownMinutes, log, bootId });
  return EXIT.ok;
}

async function runDrain(config: RunnerConfig, root: string, drainId: string, log: Log): Promise<number> {
  const interrupt = new AbortController();
  let interrupted: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (interrupted !== undefined) process.exit(EXIT[signal]);
      interrupted = EXIT[signal];
      void setTimeout(STOP_LIMIT_MS, undefined, { ref: false }).then(() => process.exit(EXIT[signal]));
      interrupt.abort(new InterruptedError(`the drain received ${signal}`));
    });
  }
  const end = await drain({
    config,
    s3: s3Client(config.region),
    clock: systemClock,
    host: await Machine.open({ root, environment: process.env, log }),
    log,
    drainId,
    interrupt: interrupt.signal,
  });
  // This process holds the drain lock until the shutdown ends it, so that no other drain begins meanwhile.
  if (end === 'stuck') await setTimeout(REBOOT_LIMIT_MS);
  return interrupted ?? (end === 'left' || end === 'stuck' ? EXIT.failed : EXIT.ok);
}

/**
 * A line that cannot be written is lost: the agent keeps this output in files, and their disk may be full. `process.stdout`
 * would end the process with its first error, and lose all later lines.
 */
function writeLine(line: string): void {
  try {
    writeSync(STDOUT, `${line}\n`);
  } catch {
    // The records have what counts.
  }
}

/** The command and its configuration file, or the error in the call. */
function parseCall(args: string[]): { command: Command; config: string } | string {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { config: { type: 'string' } },
      allowPositionals: true,
    });
    const [command, ...more] = positionals;
    if (!isCommand(command)) return `unknown command: ${command ?? '(none)'}`;
    if (more.length > 0) return `too many arguments: ${more.join(' ')}`;
    if (values.config === undefined || values.config === '') return '--config FILE is missing';
    return { command, config: values.config };
  } catch (error) {
    return messageOf(error);
  }
}

function isCommand(text: string | undefined): text is Command {
  return COMMANDS.some((command) => command === text);
}
