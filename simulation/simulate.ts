import { CommanderError } from 'commander';
import { messageOf } from '../lifecycle/errors';
import { reportBaseline } from './baseline-report';
import type { CrashReport } from './batch';
import { bundleSimulator } from './bundle';
import type { Violation } from './check-list';
import { inChild } from './children';
import { type Options, type Output, readCommandLine } from './command-line';
import { CALL_FAILURES } from './crash-point';
import { reportEconomy } from './economy-report';
import { reportHistories } from './histories-report';
import type { HistoryOptions } from './history';
import { mutationReport } from './mutation-report';
import { MUTATIONS } from './mutations';
import { table } from './table';

/**
 * Runs the command line and returns the exit code. The code is 1 for a violation or a broken bound, 2 if the command
 * could not run, and 130 after an interrupt.
 */
export async function simulate(args: readonly string[], output: Output): Promise<number> {
  try {
    return await run(readCommandLine(args, output), output);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.warn(messageOf(error));
    return 2;
  }
}

async function run(options: Options, output: Output): Promise<number> {
  const { only = '', seed } = options;
  if (options.mutations) {
    const mutations = MUTATIONS.filter(({ name }) => name.includes(only));
    return (await mutationReport(mutations, options, output)) ? 0 : 1;
  }
  const bundle = await bundleSimulator();
  if (options.replay !== undefined) {
    const { faults, jobs, crowded, hours } = options;
    return (await replay(bundle, { seed: options.replay, faults, jobs, crowded, hours }, output)) ? 0 : 1;
  }
  if (options.crashPoints) return (await crashPoints(bundle, seed, output)) ? 0 : 1;
  if (options.baseline) return (await reportBaseline(bundle, options, output)) ? 0 : 1;
  if (options.economy) return (await reportEconomy(bundle, options, output)) ? 0 : 1;
  return reportHistories(bundle, options, output);
}

/** Prints one history, line by line. Returns false if it has a violation. */
async function replay(bundle: string, options: HistoryOptions, { print }: Output): Promise<boolean> {
  const violation = await inChild<Violation | null>(bundle, { kind: 'replay', options });
  print(violation ? `\nVIOLATION: ${violation.check}: ${violation.detail}` : '\nno violation');
  return violation === null;
}

/** Prints the results of every failure at every call. Returns false if a history does not converge. */
async function crashPoints(bundle: string, seed: number, { print }: Output): Promise<boolean> {
  let converge = true;
  for (const jobs of [1, 2]) {
    const reports = await inChild<CrashReport[]>(bundle, { kind: 'crash points', seed, jobs });
    const places = [...new Set(reports.map(({ place }) => place))].sort();
    const rows = places.map((place) => {
      const atPlace = reports.filter((report) => report.place === place);
      const cells = CALL_FAILURES.map((name) => cellOf(atPlace.filter(({ failure }) => failure === name)));
      return [place.replace('|', ': '), ...cells];
    });
    const bad = reports.filter(({ violation }) => violation);
    print(`${jobs} job(s), seed ${seed}: ${reports.length} histories, ${bad.length} do not converge`);
    print(`${table(['call', ...CALL_FAILURES], rows)}\n`);
    for (const { call, failure, place, violation } of bad) {
      print(`call ${call} (${place}), ${failure}: ${violation?.check ?? ''}: ${violation?.detail ?? ''}`);
    }
    if (bad.length > 0) converge = false;
  }
  return converge;
}

function cellOf(struck: readonly CrashReport[]): string {
  const bad = struck.filter(({ violation }) => violation).length;
  if (bad > 0) return `${bad} of ${struck.length} BAD`;
  return struck.length === 0 ? '' : `${struck.length} ok`;
}
