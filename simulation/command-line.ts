import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_LINGER_SECONDS } from '../lifecycle/linger';
import { type Fault, FAULT_NAMES } from './faults';
import { MUTATIONS } from './mutations';
import { WORKLOAD_KINDS } from './workloads';

export interface Options {
  readonly histories: number;
  readonly seed: number;
  readonly faults?: Fault[];
  readonly jobs?: number;
  readonly crowded?: true;
  readonly hours?: true;
  readonly keepGoing?: true;
  readonly workers: number;
  readonly replay?: number;
  readonly crashPoints?: true;
  readonly mutations?: true;
  readonly search?: true;
  readonly baseline?: true;
  readonly economy?: true;
  readonly workloads: number;
  readonly linger: number;
  readonly only?: string;
}

/** `print`: the results, on stdout. `warn`: errors and progress, on stderr. */
export interface Output {
  readonly print: (text: string) => void;
  readonly warn: (text: string) => void;
}

/** The options of a run of histories, which is the default mode. */
const BY_HISTORIES = [
  '--histories',
  '--seed',
  '--faults',
  '--jobs',
  '--crowded',
  '--hours',
  '--keep-going',
  '--workers',
];

/** The options of each mode. Any other option beside a mode is refused. */
const USED_BY_MODE: Readonly<Record<string, readonly string[]>> = {
  '--replay': ['--faults', '--jobs', '--crowded', '--hours'],
  '--crash-points': ['--seed'],
  '--mutations': ['--only', '--search', '--histories', '--seed', '--workers'],
  '--baseline': ['--histories', '--seed', '--faults', '--jobs'],
  '--economy': ['--workloads', '--linger', '--only', '--seed', '--workers'],
};

/** Throws commander's CommanderError for a wrong option and for help. Its message has been printed before. */
export function readCommandLine(args: readonly string[], output: Output): Options {
  const command = commandLine(output).parse([...args], { from: 'user' });
  const given = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long, flags }) => long ?? flags);
  const [mode, otherMode] = given.filter((name) => name in USED_BY_MODE);
  if (otherMode !== undefined) command.error(`error: ${mode} and ${otherMode} are two modes; use one`);
  const used = USED_BY_MODE[mode ?? ''] ?? BY_HISTORIES;
  const unused = given.find((name) => name !== mode && !used.includes(name));
  if (unused !== undefined) {
    command.error(`error: ${mode ?? 'a run of histories'} does not use ${unused}, only: ${used.join(', ')}`);
  }
  const options = command.opts<Options>();
  const names: readonly string[] = options.mutations ? MUTATIONS.map(({ name }) => name) : WORKLOAD_KINDS;
  const { only } = options;
  if (only !== undefined && !names.some((name) => name.includes(only))) {
    command.error(`error: "${only}" is in none of these names:\n${names.join('\n')}`);
  }
  return options;
}

function commandLine({ print, warn }: Output): Command {
  return new Command('simulate')
    .description('Runs the production code against a simulated AWS, on virtual time, from a seed')
    .option('--histories <n>', 'how many histories', atLeastOne, 1_000)
    .option('--seed <n>', 'the first seed; the next history has the next one', wholeNumber, 1)
    .option('--faults <list>', 'kinds of fault, separated by commas; "none"', faultList)
    .option('--jobs <n>', 'uploads a history, all at once', wholeNumber)
    .option('--crowded', 'slower histories that find rarer errors: more uploads, longer')
    .option('--hours', 'much slower histories whose models run for hours')
    .option('--keep-going', 'continues after a violation, and lists them all')
    .option('--workers <n>', 'processes side by side', atLeastOne, 1)
    .option('--replay <seed>', 'prints one history, line by line', wholeNumber)
    .option('--crash-points', 'lets every call of a history without faults fail, in every way')
    .option(
      '--mutations',
      'removes the rules one by one, prints what catches each, stores new seeds for the tests',
    )
    .option('--search', 'with --mutations: searches for all seeds again, not only for unknown ones')
    .option('--baseline', 'compares our design with the plain chain, under the same seeds')
    .option(
      '--economy',
      'compares billed time without faults: always on, the plain chain, ours, a clairvoyant',
    )
    .option('--workloads <n>', 'with --economy: how many workloads of all kinds together', atLeastOne, 10_000)
    .option('--linger <seconds>', 'with --economy: the tail', wholeNumber, DEFAULT_LINGER_SECONDS)
    .option('--only <text>', 'with --mutations or --economy: only names that contain the text')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) => warn(text.trimEnd()),
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('A whole number is needed.');
}

function atLeastOne(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1) return value;
  throw new InvalidArgumentError('A whole number greater than 0 is needed.');
}

function faultList(text: string): Fault[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const fault = FAULT_NAMES.find((known) => known === name.trim());
    if (!fault) throw new InvalidArgumentError(`"${name}" is none of: ${FAULT_NAMES.join(', ')}.`);
    return fault;
  });
}
