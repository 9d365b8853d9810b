import { folder } from './folder';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Faults } from '../../../../local-cloud/faults';
import type { LocalCloud } from '../../../../local-cloud/cloud';
import { Recorder } from '../../../../local-cloud/wire/recorder';
import type { CloudEvent, Happening } from '../../../../local-cloud/clockwork/events';
import { InMemoryPipeline } from '../../../support/in-memory-pipeline';
import { JobStory } from './job-story';
import { ENDPOINT } from './run';

/** A local cloud that begins nothing, and does what a test says. */
export class ScriptedCloud {
  readonly place = new InMemoryPipeline();
  /** What goes wrong, by the step that is not reached then. */
  readonly fails: Partial<Record<'tools' | 'cloud' | 'deploy' | 'stop', Error>> = {};
  /** What else happens while the pipeline is deployed. */
  whileDeployed: () => void = () => undefined;
  private onEvent: ((event: CloudEvent) => void) | undefined;

  constructor() {
    const [manifest] = this.place.manifests;
    if (manifest) this.place.manifests.splice(0, 1, { ...manifest, pipeline: 'breast-cancer' });
    for (const name of ['patients.csv', 'others.csv', 'image.png'])
      writeFileSync(join(folder, name), 'id,radius\n1,2\n');
  }

  readonly provideTools = ({ say }: { say: (text: string) => void }) => {
    passSeconds(1);
    say('Terraform 1.11.4 is downloaded');
    if (this.fails.tools) return Promise.reject(this.fails.tools);
    say('Terraform 1.11.4 (cache), moto (PATH); AWS provider from the registry');
    return Promise.resolve({ moto: 'moto_server', terraform: { program: 'terraform' }, variables: {} });
  };

  readonly startLocalCloud = (options: { onEvent: (event: CloudEvent) => void }): Promise<LocalCloud> => {
    passSeconds(4);
    if (this.fails.cloud) return Promise.reject(this.fails.cloud);
    this.onEvent = options.onEvent;
    return Promise.resolve({
      ...{ endpoint: ENDPOINT, region: 'eu-central-1', motoPid: 1, faults: new Faults() },
      credentials: { accessKeyId: 'LAMPLIGHTERLOCAL', secretAccessKey: 'local' },
      recorder: new Recorder(),
      warmUp: () => Promise.resolve(),
      stop: () => {
        passSeconds(2);
        this.happens({ kind: 'warning', text: 'never printed: everything is taken down' });
        return this.fails.stop ? Promise.reject(this.fails.stop) : Promise.resolve();
      },
    });
  };

  readonly deployToLocalCloud = ({ onStep }: { onStep: (text: string) => void }): Promise<void> => {
    for (const step of ['the stack is synthesized', 'terraform init', 'terraform apply']) {
      passSeconds(3);
      onStep(step);
    }
    this.whileDeployed();
    if (this.fails.deploy) return Promise.reject(this.fails.deploy);
    onStep('applied. Resources: 68 added, 0 changed, 0 destroyed.');
    return Promise.resolve();
  };

  happens(...happenings: Happening[]): void {
    for (const one of happenings) this.onEvent?.({ ...one, at: new Date().toISOString() });
  }

  /** The job of an upload, from its event to the instance's stop, and what the cloud tells meanwhile. */
  jobComesAlong(key: string, end: 'succeeds' | 'fails' = 'succeeds'): void {
    const { account } = this.place;
    const story = new JobStory(this.place, key);
    story.atEachLook(
      () => this.happens({ ...S3_EVENT, key, text: `S3 tells p-trigger of s3://data/${key}` }),
      () => {
        passSeconds(1);
        this.happens(...functionRun('p-trigger', '1'), instance('pending'));
        account.state = 'running';
        story.admit();
      },
      () => {
        passSeconds(4);
        this.happens(instance('running'), AGENT, command('InProgress'), ...sweep('2'));
        story.progress('preparing');
      },
      () => {
        passSeconds(3);
        this.happens(OUTPUT, LOG, WARNING, DENIED);
        story.progress('running', { progress: 0.5, message: 'row 1 of 2' });
      },
      () => {
        passSeconds(2);
        if (end === 'fails') story.fail('the model exited with code 1', 'Line 2: "oops" is no number\n');
        else story.succeed({ 'predictions.csv': 'id,label\n1,benign\n', 'summary.json': '{"rows":1}\n' });
        this.happens(command(end === 'fails' ? 'Failed' : 'Success'), ...commandEvent('3'));
        this.stopsSoon();
      },
    );
  }

  /** The instance is stopped at the second look. */
  private stopsSoon(): void {
    const { account } = this.place;
    account.state = 'stopping';
    this.happens(instance('stopping'));
    const looks = [
      () => undefined,
      () => {
        passSeconds(3);
        account.state = 'stopped';
        this.happens(instance('stopped'));
      },
    ];
    account.meanwhile.set('DescribeInstances', () => looks.shift()?.());
  }
}

const passSeconds = (seconds: number) => jest.setSystemTime(Date.now() + seconds * 1000);

const S3_EVENT = {
  kind: 'notification',
  bucket: 'data',
  functionName: 'p-trigger',
  outcome: 'delivered',
} as const;
const AGENT: Happening = {
  ...{ kind: 'agent', instanceId: 'i-1', pingStatus: 'Online', text: 'the SSM agent of i-1 is online' },
};
const OUTPUT: Happening = {
  ...{ kind: 'output', commandId: 'c-1', instanceId: 'i-1', stream: 'stdout', text: 'a line of the drain' },
};
const LOG: Happening = { kind: 'log', functionName: 'p-stop', requestId: '2', text: 'a line of a function' };
const WARNING: Happening = { kind: 'warning', text: 'not as AWS would' };
const DENIED: Happening = {
  ...{ kind: 'denied', role: 'p-stop', action: 's3:GetObject', resource: 'arn:aws:s3:::data/a' },
  text: 'p-stop may not s3:GetObject on arn:aws:s3:::data/a',
};

const instance = (state: string): Happening => ({
  ...{ kind: 'instance', instanceId: 'i-1', state, text: `i-1 is ${state}` },
});

const command = (status: 'InProgress' | 'Success' | 'Failed'): Happening => ({
  ...{ kind: 'command', commandId: 'c-1', instanceId: 'i-1', documentName: 'p-drain', status },
  text: `p-drain on i-1: ${status}`,
});

function functionRun(functionName: string, requestId: string): Happening[] {
  return (['invoked', 'succeeded'] as const).map((phase) => ({
    ...{ kind: 'function', functionName, requestId, phase, text: `${functionName} ${phase}` },
  }));
}

const rule = (name: string, detailType: string): Happening => ({
  ...{ kind: 'event', rule: name, detailType, text: `${detailType}: ${name} calls p-stop` },
});

const sweep = (requestId: string) => [
  rule('p-sweep', 'Scheduled Event'),
  ...functionRun('p-stop', requestId),
];
const commandEvent = (requestId: string) => [
  rule('p-ended', 'EC2 Command Status-change Notification'),
  ...functionRun('p-stop', requestId),
];
