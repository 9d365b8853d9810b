import type { Command } from 'commander';
import { type Clock, systemClock } from '../../lifecycle/clock';
import { EXITS } from '../console/command-help';
import type { CommandContext } from '../console/command-line';
import { Exit } from '../console/exit';
import { explain } from '../console/explain';
import { print } from '../console/print';
import type { Terminal } from '../console/terminal';
import type { Facts } from '../doctor/facts';
import { type Finding, findings } from '../doctor/findings';
import { readFacts } from '../doctor/read-facts';
import { type PlanOptions, planOf, planOptions } from '../doctor/plan';
import { reportLines } from '../doctor/report';
import { waitReason, waitedMs } from '../doctor/waiting';
import { type PipelineOptions, connect } from '../pipeline/connect';
import { endedFactsOf } from '../pipeline/ended-attempts';
import { isLive } from '../pipeline/readings/records';
import type { Target } from '../pipeline/target';
import { PROJECT_FOLDER, readCdktfConfig } from '../tools/project';
import { countUpTo, pipelineCommand } from './options';

/** Exit codes of the doctor, which monitors read. The other commands have another scale: `Exit`. */
const DoctorExit = { well: 0, findings: 1, couldNotLook: 2 } as const;
type DoctorExitCode = (typeof DoctorExit)[keyof typeof DoctorExit];

export interface DoctorOptions extends PipelineOptions {
  readonly uploads: number;
  readonly hours: number;
  readonly plan: boolean;
  /** @default the settings of cdktf.json */
  readonly settings?: { readonly pipelines: unknown; readonly project: string };
  /** @default the folder of this checkout's last deploy */
  readonly terraform?: PlanOptions;
}

export function addDoctor(root: Command, { terminal, exitWith }: CommandContext): void {
  pipelineCommand(root, 'doctor', 'check a pipeline from end to end; report what is wrong and what to do', {
    examples: [['doctor --json', 'for a monitor']],
    exits: {
      [DoctorExit.well]: 'no findings',
      [DoctorExit.findings]: 'there are findings',
      [DoctorExit.couldNotLook]: 'the pipeline, or a part of it, could not be checked',
      [Exit.interrupted]: EXITS.all[Exit.interrupted],
    },
  })
    .option('--uploads <N>', 'number of uploads to compare with receipts', countUpTo(100_000), 200)
    .option('--hours <N>', 'report failed jobs of the last N hours', countUpTo(100_000), 24)
    .option('--plan', 'also run terraform plan, in the folder of this checkout’s last deploy', false)
    .action(async (options: DoctorOptions) => {
      try {
        exitWith(await doctor(options, terminal));
      } catch (error) {
        const { message } = explain(error);
        if (options.json) terminal.out(JSON.stringify({ command: 'doctor', couldNotLook: message }, null, 2));
        terminal.err(`lamplighter: could not check the pipeline: ${message}`);
        exitWith(DoctorExit.couldNotLook);
      }
    });
}

/**
 * Checks a pipeline from end to end and prints what is wrong and what to do. Changes nothing. Throws if there is no cloud or
 * no pipeline to check.
 */
export async function doctor(
  options: DoctorOptions,
  terminal: Terminal,
  clock: Clock = systemClock,
): Promise<DoctorExitCode> {
  const handle = await connect(options, terminal);
  const { target, manifest } = handle;
  const facts = await readFacts(handle, clock, {
    uploadsChecked: options.uploads,
    failedHours: options.hours,
    settings: () =>
      options.settings ?? { pipelines: readCdktfConfig().context.pipelines, project: PROJECT_FOLDER },
    plan: options.plan
      ? async () => planOf(options.terraform ?? (await planOptions(target, manifest.pipeline)))
      : undefined,
  });
  const now = clock.now();
  const found = findings(facts, now);
  if (options.json) terminal.out(JSON.stringify(asJson(target, facts, found, now), null, 2));
  else print(terminal, reportLines(facts, found, now, terminal));
  if (facts.unseen.length > 0) return DoctorExit.couldNotLook;
  return found.length > 0 ? DoctorExit.findings : DoctorExit.well;
}

function asJson(target: Target, facts: Facts, found: readonly Finding[], now: number) {
  const { manifest, open, ...seen } = facts;
  return {
    command: 'doctor',
    cloud: target.cloud,
    pipeline: manifest.pipeline,
    region: manifest.region,
    findings: found,
    ...seen,
    open: open && {
      ...open,
      jobs: open.jobs.map((job) => ({
        jobId: job.jobId,
        key: 'record' in job.open ? job.open.record.input.key : null,
        runs: isLive(job.claim, now),
        openForSeconds: Math.round(waitedMs(job, now) / 1000),
        because: waitReason(facts, job, now),
        ...endedFactsOf(job.attempts),
      })),
    },
  };
}
