import type { Command } from 'commander';
import { Exit, type ExitCode } from './exit';

type Ends = Readonly<Partial<Record<ExitCode, string>>>;

/** What the codes mean in general. A command's own help says which of them it can end with, and why. */
const GENERAL: Readonly<Record<ExitCode, string>> = {
  [Exit.ok]: 'done',
  [Exit.jobFailed]: 'a job failed: its receipt says why; or an upload has no receipt (audit)',
  [Exit.usage]: 'the arguments, a file or a setting cannot be used; a plan is refused',
  [Exit.missing]: 'something is missing: a tool, credentials, a running local cloud, a pipeline',
  [Exit.broken]: 'Terraform, AWS or the local cloud refused or broke',
  [Exit.interrupted]: 'interrupted (Ctrl-C)',
};

/** Of whatever reads its arguments. */
const OWN: Ends = {
  [Exit.ok]: GENERAL[Exit.ok],
  [Exit.usage]: 'the arguments cannot be used',
  [Exit.interrupted]: GENERAL[Exit.interrupted],
};

/** Of whatever looks at a pipeline, or acts on it. */
const OF_PIPELINE: Ends = {
  ...OWN,
  [Exit.usage]: 'the arguments cannot be used; there is no such pipeline, or which is meant is not said',
  [Exit.missing]: 'credentials, the running local cloud or a deployed pipeline is missing',
  [Exit.broken]: 'AWS or the local cloud refused or broke',
};

const OF_ORDER: Ends = { ...OF_PIPELINE, [Exit.ok]: 'done, or it was so already' };

interface Help {
  /** The arguments, and what that is for. */
  readonly examples: readonly (readonly [string, string])[];
  readonly ends: Ends;
}

const HELP: Readonly<Record<string, Help>> = {
  local: {
    examples: [
      ['local', 'keep it up until Ctrl-C, with a page to drop files on'],
      ['local --once my.csv', 'run one file through, then take everything down'],
      ['local --once --json', 'for a script: the last line tells the outcome'],
    ],
    ends: {
      ...GENERAL,
      [Exit.ok]: 'with --once: every job succeeded',
      [Exit.jobFailed]: 'with --once: a job failed, its receipt says why',
      [Exit.usage]: 'the arguments, a file or a setting cannot be used',
      [Exit.missing]: 'a tool is missing, or a local cloud of this checkout runs already',
      [Exit.broken]: 'Terraform or the local cloud broke; with --once, too: no admission or no stop in time',
      [Exit.interrupted]: 'interrupted (Ctrl-C), as it always ends without --once',
    },
  },
  submit: {
    examples: [
      ['submit patients.csv --wait', 'upload, wait, show the results'],
      ['submit folder --model my-model', 'every file in it that this model takes'],
      ['submit a.csv b.csv --wait --json', 'for a script'],
    ],
    ends: {
      ...OF_PIPELINE,
      [Exit.ok]: 'all is uploaded; with --wait: every job succeeded',
      [Exit.jobFailed]: 'with --wait: a job failed, its receipt says why',
      [Exit.usage]: 'the arguments or a file cannot be used, or no model takes it; nothing was uploaded',
      [Exit.broken]: 'AWS or the local cloud refused or broke; of several files some may be uploaded',
      [Exit.interrupted]: 'interrupted (Ctrl-C); no file is uploaded by half, jobs go on',
    },
  },
  status: {
    examples: [
      ['status', 'one look'],
      ['status --watch --json', 'for a script: a line whenever something has changed'],
    ],
    ends: { ...OF_PIPELINE, [Exit.interrupted]: 'interrupted (Ctrl-C), as it always ends with --watch' },
  },
  list: {
    examples: [['list --failed --since 2d', 'what has failed, and why']],
    ends: { ...OF_PIPELINE, [Exit.ok]: 'done, however the jobs have ended' },
  },
  results: {
    examples: [
      ['results in/my.csv', 'of the latest upload of that key'],
      ['results 3f2a9c --out here', 'of that job'],
    ],
    ends: {
      ...OF_PIPELINE,
      [Exit.ok]: 'copied; the job succeeded',
      [Exit.jobFailed]: 'copied, but the job failed',
      [Exit.usage]: 'the arguments cannot be used; no such upload or job, or it has no results yet',
    },
  },
  logs: {
    examples: [['logs 3f2a9c --follow', 'until that job has ended']],
    ends: {
      ...OF_PIPELINE,
      [Exit.ok]: 'done, even if nothing is logged',
      [Exit.usage]: 'the arguments cannot be used; there is no such job, or more than one',
    },
  },
  audit: {
    examples: [['audit --admit', 'look, and run what was lost']],
    ends: {
      ...OF_PIPELINE,
      [Exit.ok]: 'each upload has one receipt or is open, by now',
      [Exit.jobFailed]: 'an upload has neither and was not admitted, or has two receipts',
    },
  },
  pause: { examples: [['pause --why "new model tomorrow"', 'until resume']], ends: OF_ORDER },
  resume: { examples: [['resume', 'after pause, or after the breaker']], ends: OF_ORDER },
  hold: { examples: [['hold --why "debugging"', 'until release']], ends: OF_ORDER },
  release: { examples: [['release', 'after hold or warm']], ends: OF_ORDER },
  warm: {
    examples: [['warm --why "demo at 3"', 'until release']],
    ends: { ...OF_ORDER, [Exit.usage]: 'the arguments cannot be used, or the pipeline is paused' },
  },
  retry: {
    examples: [
      ['retry 3f2a9c', 'one job'],
      ['retry --failed --since 1d', 'all of a day'],
    ],
    ends: {
      ...OF_PIPELINE,
      [Exit.ok]: 'run again, or it was retried already',
      [Exit.usage]: 'the arguments cannot be used; the job is open, has succeeded, or has a newer upload',
      [Exit.broken]: 'AWS or the local cloud refused or broke; with --failed: for one of them at least',
    },
  },
  /** Another scale: it is run by the clock, and by whoever asks only whether all is well. */
  doctor: {
    examples: [['doctor --json', 'for a monitor']],
    ends: {
      0: 'all is well',
      1: 'something is not as it should be',
      2: 'it, or a part of it, could not be looked at',
      [Exit.interrupted]: GENERAL[Exit.interrupted],
    },
  },
  report: {
    examples: [['report --since 12h --out today.html', 'a page that needs nothing but itself']],
    ends: { ...OF_PIPELINE, [Exit.usage]: 'the arguments cannot be used, or the page cannot be written' },
  },
  estimate: {
    examples: [
      ['estimate --jobs-per-day 4 --minutes 15', ''],
      ['estimate --jobs-per-day 4 --minutes 15 --hours-a-day 8 --instance-type g4dn.xlarge --json', ''],
      ['estimate --refresh-prices', 'read the price table anew from AWS (needs credentials)'],
    ],
    ends: {
      ...OWN,
      [Exit.usage]: 'the arguments or a setting cannot be used',
      [Exit.missing]: 'the price table lacks it; with --refresh-prices: credentials are missing',
      [Exit.broken]: 'with --refresh-prices: AWS refused, or showed no prices',
    },
  },
  plan: {
    examples: [
      ['plan --markdown plan.md', 'for a reviewer'],
      ['plan --destroy', 'what would go'],
    ],
    ends: {
      ...OWN,
      [Exit.ok]: 'planned, and nothing is refused',
      [Exit.usage]: 'refused: data or running jobs would be lost; or arguments or a setting cannot be used',
      [Exit.missing]: 'Terraform, credentials or the running local cloud is missing',
      [Exit.broken]: GENERAL[Exit.broken],
    },
  },
  env: {
    examples: [
      ['eval "$(npx lamplighter env)" && npx cdktf deploy --skip-provider-lock', ''],
      ['env --json', 'for a program; unset AWS_PROFILE and AWS_SESSION_TOKEN beside'],
    ],
    ends: { ...OWN, [Exit.missing]: 'no local cloud of this checkout runs, or it is not set up yet' },
  },
  complete: {
    examples: [['source <(lamplighter complete bash)', 'in ~/.bashrc']],
    ends: OWN,
  },
};

/** Adds to the help of each command that the root has by now: examples, and which codes it ends with. */
export function addCommandHelp(root: Command): void {
  for (const command of root.commands) {
    const help = HELP[command.name()];
    if (!help) throw new Error(`${command.name()} has neither examples nor exit codes in command-help.ts`);
    const title = help.examples.length === 1 ? 'Example' : 'Examples';
    command.addHelpText('after', `\n${title}:\n${examples(help)}\n\n${exitCodes(help.ends)}`);
  }
}

/** The end of a help. @default all codes, as they are meant in general */
export function exitCodes(ends: Ends = GENERAL): string {
  const lines = Object.entries(ends).map(([code, text]) => `  ${code.padEnd(5)}${text}`);
  return ['Exit codes:', ...lines].join('\n');
}

function examples({ examples: given }: Help): string {
  const typed = given.map(([line, what]) => [/lamplighter/.test(line) ? line : `lamplighter ${line}`, what]);
  const width = Math.max(...typed.map(([line = '', what]) => (what === '' ? 0 : line.length)));
  return typed.map(([line = '', what = '']) => `  ${line.padEnd(width)}   ${what}`.trimEnd()).join('\n');
}
