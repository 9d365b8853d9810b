import type { Report } from '../clockwork/events';
import type { Machine, OnOutput, OpenStepLog } from '../machine/port';
import type { RoleCredentials } from '../wire/caller';
import { type CommandInvocation, type Commands, hasEnded } from './commands';

/** One boot of an instance, from the registration of its agent until the instance goes down. */
export interface Boot {
  readonly environment: NodeJS.ProcessEnv;
  readonly credentials: RoleCredentials;
  isOver: boolean;
}

/** Runs commands as an agent does: the steps of the document in their order. */
export class CommandRunner {
  constructor(
    private readonly commands: Commands,
    private readonly report: Report,
    private readonly openStepLog: OpenStepLog,
  ) {}

  async run(machine: Machine, boot: Boot, invocation: CommandInvocation): Promise<void> {
    const isOff = () => boot.isOver || hasEnded(invocation.status);
    this.commands.begin(invocation);
    let skip = false;
    let worst: 'Success' | 'Failed' | 'TimedOut' = 'Success';
    for (const step of invocation.command.document.steps) {
      if (skip && !step.isFinal) continue;
      const result = await machine.runStep({
        commandId: invocation.command.id,
        step,
        environment: boot.environment,
        isOff,
        onOutput: await this.outputOf(invocation, step.name, boot),
        onStart: (kill) => (invocation.kill = kill),
      });
      // The agent died with its instance, or the command was cancelled: nothing is left to report.
      if (isOff() || result.status === 'Cancelled') return;
      invocation.results.push(result);
      if (result.status === 'Success') continue;
      if (step.onFailure === 'successAndExit') skip = true;
      else {
        worst = result.status === 'TimedOut' ? 'TimedOut' : 'Failed';
        skip ||= step.onFailure === 'exit';
      }
    }
    this.commands.change(invocation, worst, worst === 'TimedOut' ? 'ExecutionTimedOut' : worst);
  }

  private async outputOf(
    { command, instanceId }: CommandInvocation,
    stepName: string,
    { credentials }: Boot,
  ): Promise<OnOutput> {
    const { logGroup } = command;
    const log = { instanceId, streamPrefix: `${command.id}/${instanceId}/${stepName}` };
    const toLog =
      logGroup === undefined ? undefined : await this.openStepLog({ logGroup, ...log }, credentials);
    return (stream, text) => {
      this.report({ kind: 'output', commandId: command.id, instanceId, stream, text });
      toLog?.(stream, text);
    };
  }
}
