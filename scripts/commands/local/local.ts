import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../../../lifecycle/clock';
import { messageOf } from '../../../lifecycle/errors';
import type { Manifest } from '../../../lifecycle/manifest';
import type { DeployedModel } from '../../../lifecycle/model';
import type { PipelineSettings } from '../../../modules/settings';
import { Steps } from '../../console/steps';
import { type Terminal, bytes, duration } from '../../console/terminal';
import { Exit, type ExitCode } from '../../console/exit';
import { shellQuoted } from '../../console/shell-quoted';
import { catchInterrupts } from '../../console/interrupt';
import { type LocalCloud, environmentFor, startLocalCloud } from '../../../local-cloud/cloud';
import { deployToLocalCloud, terraformVariables } from '../../../local-cloud/deploy';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';
import { LocalRun } from '../../../local-cloud/local-run';
import { chooseSettings } from '../../pipeline/chosen-settings';
import { handleOf } from '../../pipeline/connect';
import { withoutOwnCredentials } from '../../pipeline/local-environment';
import { findPipeline } from '../../pipeline/find';
import { localClients, localTarget } from '../../pipeline/target';
import { type Job, type PlannedUpload, planUploads, prefixFor, upload } from '../../pipeline/uploads';
import {
  LOCAL_CLI_CONFIG,
  LOCAL_DIRECTORY,
  LOCAL_OUTPUT,
  LOCAL_RESULTS,
  PROJECT,
  shortPath,
} from '../../tools/project';
import type { LiveServer } from '../../report/live-server';
import { loadLiveServer } from '../../report/load';
import { Children } from '../../tools/children';
import { provideTools } from '../../tools/provide';
import { cloudEventSteps } from './events';
import { type EmitFact, inLines, readyFact } from './facts';
import { type FollowedPipeline, followForever, followUntilStopped } from './follow';
import { TIMINGS, type TimingsName } from './timings';

export interface LocalOptions {
  /** As the user wrote them; none means the sample. */
  readonly files: readonly string[];
  readonly once: boolean;
  readonly port?: number | undefined;
  readonly timings: TimingsName;
  readonly pipeline?: string | undefined;
  /** Tells what happens as lines of JSON. */
  readonly json: boolean;
}

const SAMPLE = join(PROJECT, 'models', 'breast-cancer', 'samples', 'patients.csv');

/**
 * Starts the local cloud, deploys the project to it, uploads the files and shows what happens until it is interrupted, or,
 * with `once`, until the instance has stopped again. Whatever happens, everything that it started is ended.
 */
export async function local(options: LocalOptions, terminal: Terminal): Promise<ExitCode> {
  if (!options.json) return runLocally(options, terminal, () => undefined);
  return inLines(terminal, (told, emit) => runLocally(options, told, emit));
}

async function runLocally(options: LocalOptions, terminal: Terminal, emit: EmitFact): Promise<ExitCode> {
  const interrupt = catchInterrupts(
    () => terminal.err('\nInterrupted: everything is taken down …'),
    () => terminal.err('Still taking everything down …'),
  );
  const { signal } = interrupt;
  const run = await LocalRun.begin(LOCAL_DIRECTORY);
  const children = new Children(signal, run);
  const steps = new Steps(terminal, systemClock);
  const show = cloudEventSteps(steps);
  const events = new Muted((event) => {
    emit({ event: 'happening', ...event });
    show(event);
  });
  let cloud: LocalCloud | undefined;
  let page: LiveServer | undefined;
  try {
    const settings = chooseSettings(options.pipeline);
    const files = options.files.length === 0 ? [SAMPLE] : options.files.map(fromWhereTheUserIs);
    // Looked at before minutes of work, not after.
    planAll(files, takingModels(settings));
    const say = (text: string) => steps.say('tools', text);
    const tools = await provideTools({ children, signal, cliConfigFile: LOCAL_CLI_CONFIG, say });
    signal.throwIfAborted();
    cloud = await startCloud(options, settings, tools.moto, steps, events.emit);
    signal.throwIfAborted();

    const variables = { ...environmentFor(cloud), ...terraformVariables(LOCAL_OUTPUT), ...tools.variables };
    await deployToLocalCloud({
      project: PROJECT,
      outputFolder: LOCAL_OUTPUT,
      stack: settings.name,
      environment: { ...withoutOwnCredentials(process.env), ...variables },
      terraform: tools.terraform.program,
      children,
      onStep: (text) => steps.say('terraform', text),
    });
    run.announce(variables);

    const clients = localClients(cloud);
    const manifest = await findPipeline(clients.ssm, settings.name, 'local');
    emit(readyFact(cloud.endpoint, manifest));
    const shown = { steps, terminal, emit, signal };
    const pipeline: FollowedPipeline = { clients, manifest, ...shown, results: LOCAL_RESULTS };
    const jobs = await uploadAll(planAll(files, manifest.models), pipeline);
    if (options.once) return await followUntilStopped(pipeline, jobs);
    page = await loadLiveServer().startLiveServer(handleOf(localTarget(cloud), manifest));
    steps.say('page', `what goes on, and a field for uploads: ${page.url}`);
    emit({ event: 'page', url: page.url });
    await followForever(pipeline, jobs, () => sayHowToUse(terminal, cloud, manifest, page));
    return Exit.interrupted;
  } finally {
    // What is ended now, is ended on purpose: it is nothing to report.
    events.mute();
    await takeDown({ children, cloud, page, run, steps });
    interrupt.release();
  }
}

async function startCloud(
  options: LocalOptions,
  settings: PipelineSettings,
  motoServer: string,
  steps: Steps,
  onEvent: (event: CloudEvent) => void,
): Promise<LocalCloud> {
  const cloud = await startLocalCloud({
    directory: LOCAL_DIRECTORY,
    ...(options.port === undefined ? {} : { port: options.port }),
    motoServer,
    region: settings.region,
    timings: TIMINGS[options.timings],
    onEvent,
  });
  steps.say('cloud', `the local cloud listens on ${cloud.endpoint} (no AWS account is used)`);
  return cloud;
}

/** npm changes to the checkout before it runs anything, and leaves where the user was in INIT_CWD. */
function fromWhereTheUserIs(file: string): string {
  const { INIT_CWD: before = '' } = process.env;
  return !existsSync(file) && before !== '' && existsSync(resolve(before, file))
    ? resolve(before, file)
    : file;
}

/** The models as they will be deployed, as far as their keys are concerned. */
function takingModels({ models }: PipelineSettings): DeployedModel[] {
  return models.map(({ card, digest }) => ({
    name: card.name,
    digest,
    ...card.takes,
    zipKey: '-',
    zipVersionId: '-',
  }));
}

/** Each file gets the prefix under which a model takes it. */
function planAll(files: readonly string[], models: readonly DeployedModel[]): PlannedUpload[] {
  return planUploads(files, (fileName) => prefixFor(fileName, models) ?? '', models);
}

async function uploadAll(
  planned: readonly PlannedUpload[],
  { clients, manifest, steps, emit, signal }: FollowedPipeline,
): Promise<Job[]> {
  const { dataBucket } = manifest;
  const jobs: Job[] = [];
  for (const one of planned) {
    const job = await upload(clients.s3, dataBucket, one, signal);
    jobs.push(job);
    emit({ event: 'uploaded', ...job });
    steps.say('upload', `${shortPath(one.file)} (${bytes(one.sizeBytes)}) → s3://${dataBucket}/${one.key}`);
  }
  return jobs;
}

function sayHowToUse(
  terminal: Terminal,
  cloud: LocalCloud | undefined,
  manifest: Manifest,
  page: LiveServer | undefined,
): void {
  const { colours } = terminal;
  const lines: [string, string][] = [
    ['In a browser', page?.url ?? ''],
    // npx knows lamplighter only here; anywhere else it would ask npm's registry for a package of that name.
    ['First of all', `cd ${shellQuoted(PROJECT)}`],
    ['Submit a file', 'npx lamplighter submit FILE --wait'],
    ['See what goes on', 'npx lamplighter status'],
    ['With any AWS tool', 'eval "$(npx lamplighter env)"'],
    ['', `aws s3 cp FILE s3://${manifest.dataBucket}/ --endpoint-url ${cloud?.endpoint ?? ''}`],
    [
      'Deploy your changes',
      'eval "$(npx lamplighter env)" && npx cdktf deploy --skip-provider-lock --auto-approve',
    ],
  ];
  terminal.out();
  terminal.out('The local cloud stays up until Ctrl-C. In a second terminal:');
  for (const [what, command] of lines) terminal.out(`  ${colours.dim(what.padEnd(20))} ${command}`);
  terminal.out();
}

/** Passes the cloud's events on until it is muted. */
class Muted {
  private isMuted = false;

  constructor(private readonly next: (event: CloudEvent) => void) {}

  readonly emit = (event: CloudEvent): void => {
    if (!this.isMuted) this.next(event);
  };

  mute(): void {
    this.isMuted = true;
  }
}

interface Running {
  readonly children: Children;
  readonly cloud: LocalCloud | undefined;
  readonly page: LiveServer | undefined;
  readonly run: LocalRun;
  readonly steps: Steps;
}

/** Each part is ended whether or not another could be; the local state is worthless without its cloud, and goes too. */
async function takeDown({ children, cloud, page, run, steps }: Running): Promise<void> {
  const began = Date.now();
  const ends = [
    () => page?.close(),
    () => children.endAll(),
    () => cloud?.stop(),
    () => rm(LOCAL_OUTPUT, { recursive: true, force: true }),
  ];
  for (const end of ends) {
    try {
      await end();
    } catch (error) {
      steps.say('cloud', `could not be taken down in whole: ${messageOf(error)}`, 'bad');
    }
  }
  await run.end();
  if (cloud) steps.say('cloud', `taken down in ${duration(Date.now() - began)}`);
}
