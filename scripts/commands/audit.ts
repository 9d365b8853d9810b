import type { Command } from 'commander';
import { systemClock } from '../../lifecycle/clock';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit, type ExitCode } from '../console/exit';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import { admitLost, audit, auditLines } from '../pipeline/audit';
import { type PipelineOptions, type PipelineHandle, connect, jsonOf } from '../pipeline/connect';
import { pipelineCommand } from './options';

interface AuditOptions {
  readonly admit: boolean;
  readonly json: boolean;
}

export function addAudit(root: Command, { terminal, exitWith }: CommandContext): void {
  pipelineCommand(root, 'audit', 'check that each upload has exactly one receipt, or is open', {
    examples: [['audit --admit', 'check, and run the lost uploads']],
    exits: {
      ...EXITS.pipeline,
      [Exit.ok]: 'each upload has one receipt or is open now',
      [Exit.jobFailed]: 'an upload has neither and was not admitted, or has two receipts',
    },
  })
    .option('--admit', 'admit the uploads that have neither', false)
    .action(async (options: PipelineOptions & AuditOptions) => {
      exitWith(await auditOf(await connect(options, terminal), options, terminal));
    });
}

export async function auditOf(
  handle: PipelineHandle,
  options: AuditOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const found = await audit(handle, systemClock);
  const isToBeAdmitted = options.admit && found.lost.length > 0;
  const done = isToBeAdmitted ? await admitLost(handle, found.lost, systemClock) : undefined;
  if (options.json) terminal.out(jsonOf('audit', handle, { ...found, admitted: done ?? null }));
  else print(terminal, auditLines(found, done, terminal));
  if (found.doubled.length > 0 || (done?.refused.length ?? 0) > 0) return Exit.jobFailed;
  return found.lost.length > 0 && !done ? Exit.jobFailed : Exit.ok;
}
