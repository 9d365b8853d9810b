import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addAudit } from './commands/audit';
import { addComplete } from './commands/complete';
import { addDoctor } from './commands/doctor';
import { addEnv } from './commands/env';
import { addEstimate } from './commands/estimate/command';
import { addHold } from './commands/hold';
import { addList } from './commands/list';
import { addLocal } from './commands/local/command';
import { addLogs } from './commands/logs';
import { addPause } from './commands/pause';
import { addPlan } from './commands/plan/command';
import { addRelease } from './commands/release';
import { addReport } from './commands/report';
import { addResults } from './commands/results';
import { addResume } from './commands/resume';
import { addRetry } from './commands/retry';
import { addStatus } from './commands/status/command';
import { addSubmit } from './commands/submit/command';
import { addWarm } from './commands/warm';
import { runCommandLine } from './console/command-line';
import type { ExitCode } from './console/exit';
import { type Terminal, processTerminal } from './console/terminal';
import { PACKAGE_FOLDER } from './tools/project';

/** In the order of `--help`. `complete` is the last: it completes the commands before it. */
const COMMANDS = [
  ...[addLocal, addSubmit, addStatus, addList, addResults, addLogs, addAudit],
  ...[addPause, addResume, addHold, addRelease, addWarm, addRetry],
  ...[addDoctor, addReport, addEstimate, addPlan, addEnv, addComplete],
];

/** Runs the command line and returns its exit code; never throws. */
export function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  return runCommandLine(COMMANDS, version, args, terminal);
}

function version(): string {
  const text = readFileSync(join(PACKAGE_FOLDER, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
