import type { Command } from 'commander';
import { EXITS, addHelp } from '../../console/command-help';
import type { CommandContext } from '../../console/command-line';
import { Exit } from '../../console/exit';
import { cloudOption, settingsPipelineOption } from '../options';
import { type PlanOptions, plan } from './plan';

export function addPlan(root: Command, { terminal, exitWith }: CommandContext): void {
  const command = root
    .command('plan')
    .description('show what a deploy would change: resources, permissions, findings, price; changes nothing')
    .addOption(settingsPipelineOption())
    .addOption(cloudOption())
    .option('--destroy', 'show what a destroy of the pipeline would do', false)
    .option('--markdown <FILE>', 'also write the page as Markdown')
    .option('--json', 'print the result as JSON; steps go to stderr', false)
    .option('--allow-data-loss', 'accept a plan that destroys or replaces resources with data', false)
    .option('--allow-interruption', 'accept a plan that stops the instance while jobs are open', false)
    .option('--allow-key-change', 'accept a plan after which the pipeline cannot read its own records', false)
    .action(async (options: PlanOptions) => {
      exitWith(await plan(options, terminal));
    });
  addHelp(command, {
    examples: [
      ['plan --markdown plan.md', 'for a reviewer'],
      ['plan --destroy', 'what a destroy would delete'],
    ],
    exits: {
      ...EXITS.basic,
      [Exit.ok]: 'planned, and the plan is not refused',
      [Exit.usage]:
        'the plan is refused, because it loses data, interrupts jobs or leaves a key; or an argument or a setting is not valid',
      [Exit.missing]: 'Terraform, credentials or the running local cloud is missing',
      [Exit.broken]: EXITS.all[Exit.broken],
    },
  });
}
