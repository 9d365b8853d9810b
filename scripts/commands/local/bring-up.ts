import { messageOf } from '../../../lifecycle/errors';
import type { PipelineSettings } from '../../../modules/settings';
import type { CloudEvent } from '../../../local-cloud/clockwork/events';
import { type LocalCloud, environmentFor, startLocalCloud } from '../../../local-cloud/cloud';
import {
  deployToLocalCloud,
  keepDeployment,
  synthesizeForLocalCloud,
  takeOverDeployment,
  terraformVariables,
} from '../../../local-cloud/deploy';
import { forgetKept, readKept, repeatDeployment } from '../../../local-cloud/kept-deployment';
import { withoutOwnCredentials } from '../../../local-cloud/local-environment';
import type { Steps } from '../../console/steps';
import type { Children } from '../../tools/children';
import { LOCAL_CLI_CONFIG, LOCAL_DIRECTORY, LOCAL_OUTPUT, PROJECT_FOLDER } from '../../tools/project';
import { provideTools } from '../../tools/provide';
import type { StackOptions } from '../../tools/stack';
import { type MachineKind, machineDisk } from './machine';
import { TIMINGS, type TimingsName } from './timings';

interface BringUp {
  readonly options: {
    readonly port?: number | undefined;
    readonly timings: TimingsName;
    readonly machine: MachineKind;
  };
  readonly settings: PipelineSettings;
  readonly children: Children;
  readonly signal: AbortSignal;
  readonly steps: Steps;
  readonly onEvent: (event: CloudEvent) => void;
  /** Called with each cloud that has been started, for the end. */
  readonly onCloud: (cloud: LocalCloud) => void;
}

/** `disk`: that of systemd machines. Undefined: sandboxes. */
type CloudWork = BringUp & { readonly disk: string | undefined };

/** A cloud, and what Terraform's variables for it are. */
interface Up {
  readonly cloud: LocalCloud;
  readonly variables: Record<string, string>;
}

/**
 * Starts the local cloud and deploys the project to it. The deployment of the last start is taken over. The project is
 * synthesized while the tools are found and the cloud starts, because neither needs the other.
 */
export async function bringUp(work: BringUp): Promise<Up> {
  const { options, settings, children, signal, steps } = work;
  const onStep = (text: string) => steps.show('terraform', text);
  const own = { ...withoutOwnCredentials(process.env), ...terraformVariables(LOCAL_OUTPUT) };
  const project = {
    project: PROJECT_FOLDER,
    outputFolder: LOCAL_OUTPUT,
    stack: settings.name,
    children,
    onStep,
  };
  const synthesis = synthesizeForLocalCloud({ ...project, environment: own, terraform: '' });
  // An error is thrown where the synthesis is awaited. Until then it must not count as unhandled.
  synthesis.catch(() => undefined);

  const say = (text: string) => steps.show('tools', text);
  const disk = await machineDisk(options.machine, { children, say });
  const tools = await provideTools({ children, signal, cliConfigFile: LOCAL_CLI_CONFIG, say });
  signal.throwIfAborted();
  const waitsAsOnAws = options.timings === 'real';
  const { cloud, repeated } = await startWithKept({ ...work, disk }, tools.moto, !waitsAsOnAws);
  signal.throwIfAborted();

  const variables = { ...environmentFor(cloud), ...terraformVariables(LOCAL_OUTPUT), ...tools.variables };
  const environment = { ...withoutOwnCredentials(process.env), ...variables };
  const deployment: StackOptions = { ...project, environment, terraform: tools.terraform.program };
  let isNew = true;
  if (repeated) isNew = await takeOverDeployment(deployment, synthesis, repeated);
  else await deployToLocalCloud(deployment, { synthesis, waitsAsOnAws });
  if (isNew && !waitsAsOnAws) await keepDeployment(deployment, LOCAL_DIRECTORY, cloud);
  else cloud.recorder.finish();
  return { cloud, variables };
}

/** Starts a cloud, and repeats in it the deployment of the last start. If that fails, starts another, empty one. */
async function startWithKept(work: CloudWork, motoServer: string, mayRepeat: boolean) {
  const { name: stack, region } = work.settings;
  const place = { directory: LOCAL_DIRECTORY, stack };
  const kept = mayRepeat ? await readKept(place, region) : undefined;
  const cloud = await startCloud(work, motoServer, kept !== undefined);
  cloud.recorder.begin();
  if (!kept) {
    // While the project is still being synthesized.
    void cloud.warmUp().catch(() => undefined);
    return { cloud, repeated: undefined };
  }
  try {
    const state = await repeatDeployment(kept, cloud.endpoint);
    return { cloud, repeated: { digest: kept.digest, state } };
  } catch (error) {
    work.steps.show('cloud', `everything is deployed anew. ${messageOf(error)}`);
    await forgetKept(place);
    await cloud.stop();
    const empty = await startCloud(work, motoServer, false);
    empty.recorder.begin();
    return { cloud: empty, repeated: undefined };
  }
}

async function startCloud(
  { options, settings, steps, onEvent, onCloud, disk }: CloudWork,
  motoServer: string,
  keepsModels: boolean,
) {
  const cloud = await startLocalCloud({
    directory: LOCAL_DIRECTORY,
    ...(options.port === undefined ? {} : { port: options.port }),
    motoServer,
    region: settings.region,
    timings: TIMINGS[options.timings],
    keepsModels,
    systemd: disk === undefined ? undefined : { disk },
    onEvent,
  });
  onCloud(cloud);
  steps.show('cloud', `the local cloud listens on ${cloud.endpoint} (no AWS account is used)`);
  if (disk === undefined) {
    steps.show('cloud', 'models run without walls here, as ordinary processes (walls: --machine systemd)');
  }
  return cloud;
}
