import { join } from 'node:path';
import { systemClock } from '../../../lifecycle/clock';
import { jobIdInReceiptKey } from '../../../lifecycle/job';
import { Steps } from '../../console/steps';
import type { Terminal } from '../../console/terminal';
import { Exit, type ExitCode } from '../../console/exit';
import { catchInterrupts } from '../../console/interrupt';
import type { LocalCloud } from '../../../local-cloud/cloud';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';
import { LocalRun } from '../../../local-cloud/local-run';
import { chooseSettings } from '../../pipeline/chosen-settings';
import { handleOf } from '../../pipeline/connect';
import { findPipeline } from '../../pipeline/find-pipeline';
import { localClients, localTarget } from '../../pipeline/target';
import { LOCAL_DIRECTORY, LOCAL_RESULTS, PACKAGE_FOLDER } from '../../tools/project';
import type { LiveServer } from '../../report/live-server';
import { loadLiveServer } from '../../report/load';
import { Children } from '../../tools/children';
import { bringUp } from './bring-up';
import { cloudEventSteps } from './events';
import { type EmitFact, inLines, readyFact } from './facts';
import { type FollowedPipeline, followForever, followUntilStopped } from './follow';
import { showInstructions } from './instructions';
import { takeDown } from './take-down';
import type { MachineKind } from './machine';
import type { TimingsName } from './timings';
import { inUsersFolder, planAll, modelsOf, uploadAll } from './uploads';

export interface LocalOptions {
  /** Paths as the user wrote them. Empty: the sample. */
  readonly files: readonly string[];
  readonly once: boolean;
  readonly port?: number | undefined;
  readonly timings: TimingsName;
  readonly machine: MachineKind;
  readonly pipeline?: string | undefined;
  readonly json: boolean;
}

const SAMPLE = join(PACKAGE_FOLDER, 'models', 'breast-cancer', 'samples', 'patients.csv');

/**
 * Starts the local cloud, deploys the project to it, uploads the files and shows what happens until it is interrupted.
 * With `once`, it returns when the instance has stopped again. It always ends every process that it started.
 */
export async function local(options: LocalOptions, terminal: Terminal): Promise<ExitCode> {
  if (!options.json) return runLocally(options, terminal, () => undefined);
  return inLines(terminal, (people, emit) => runLocally(options, people, emit));
}

async function runLocally(options: LocalOptions, terminal: Terminal, emit: EmitFact): Promise<ExitCode> {
  const interrupt = catchInterrupts(
    () => terminal.err('\nInterrupted: shutting everything down …'),
    () => terminal.err('Still shutting everything down …'),
  );
  const { signal } = interrupt;
  const run = await LocalRun.begin(LOCAL_DIRECTORY);
  const children = new Children(signal, run);
  const steps = new Steps(terminal, systemClock);
  const show = cloudEventSteps(steps);
  const noticed: string[] = [];
  let isMuted = false;
  const onEvent = (event: CloudEvent) => {
    if (isMuted) return;
    if (event.kind === 'notification' && jobIdInReceiptKey(event.key) !== undefined) noticed.push(event.key);
    emit({ event: 'happening', ...event });
    show(event);
  };
  let toEnd: LocalCloud | undefined;
  let page: LiveServer | undefined;
  try {
    const settings = chooseSettings(options.pipeline);
    const files = options.files.length === 0 ? [SAMPLE] : options.files.map(inUsersFolder);
    // Refuses a wrong file now, before minutes of work.
    planAll(files, modelsOf(settings));
    const onCloud = (started: LocalCloud) => (toEnd = started);
    const up = { options, settings, children, signal, steps, onEvent, onCloud };
    const { cloud, variables } = await bringUp(up);
    run.announce(variables);

    const clients = localClients(cloud);
    const manifest = await findPipeline(clients.ssm, settings.name, 'local');
    const { endpoint } = cloud;
    emit(readyFact(endpoint, manifest));
    const shown = { steps, terminal, emit, signal };
    const pipeline: FollowedPipeline = { clients, manifest, ...shown, noticed, results: LOCAL_RESULTS };
    const jobs = await uploadAll(planAll(files, manifest.models), pipeline);
    if (options.once) return await followUntilStopped(pipeline, jobs);
    page = await loadLiveServer().startLiveServer(handleOf(localTarget(cloud), manifest));
    const { url } = page;
    steps.show('page', `live view with a field for uploads: ${url}`);
    emit({ event: 'page', url });
    await followForever(pipeline, jobs, () => showInstructions(terminal, manifest, endpoint, url));
    return Exit.interrupted;
  } finally {
    // The shutdown would look like failures.
    isMuted = true;
    await takeDown({ children, cloud: toEnd, page, run, steps });
    interrupt.release();
  }
}
