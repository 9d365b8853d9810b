import type { Command } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { cloudOption, settingsPipelineOption } from '../options';
import { type PlanOptions, plan } from './plan';

export function addPlan(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = root
    .command('plan')
    .description(
      'show what a deploy would change: resources, permissions, findings, price; it changes nothing',
    )
    .addOption(settingsPipelineOption())
    .addOption(cloudOption())
    .option('--destroy', 'show what destroying the pipeline would do', false)
    .option('--markdown <FILE>', 'write the page as Markdown, too')
    .option('--json', 'print it as JSON; the steps go to stderr', false)
    .option('--allow-data-loss', 'do not refuse a plan that destroys or replaces what holds data', false)
    .option('--allow-interruption', 'do not refuse to stop the instance while jobs are open', false)
    .action(async (options: PlanOptions) => {
      exitWith(await plan(options, terminal));
    });
  addHelp(command, {
    examples: [
      ['plan --markdown plan.md', 'for a reviewer'],
      ['plan --destroy', 'what would go'],
    ],
    exits: {
      ...EXITS.basic,
      [Exit.ok]: 'planned, and nothing is refused',
      [Exit.usage]: 'refused: data or running jobs would be lost; or arguments or a setting cannot be used',
      [Exit.missing]: 'Terraform, credentials or the running local cloud is missing',
      [Exit.broken]: EXITS.all[Exit.broken],
    },
  });
}
