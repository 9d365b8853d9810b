import { type Answer, AwsError, xmlAnswer } from '../wire/answer';
import { type Call, formOf, listIn, operationOf, withForm } from '../wire/call';
import {
  type InstanceFacts,
  type InstanceState,
  STATE_CODES,
  instancesIn,
  rewriteInstances,
  stateChanges,
} from './xml';
import type { Ec2Instance, Ec2Instances } from './instances';
import type { MotoApi } from '../moto/moto-api';
import {
  cancelSpotRequests,
  describeSpotRequests,
  refuseStartOfInterrupted,
  refuseTerminationProtection,
  spotRequestIn,
} from './spot-requests';

/** EC2's API. moto keeps the instances; their states and launch times are ours. */
export class Ec2Api {
  constructor(
    private readonly moto: MotoApi,
    private readonly instances: Ec2Instances,
  ) {}

  async answer(call: Call): Promise<Answer> {
    const form = formOf(call);
    // moto answers a dry run.
    if (form.get('DryRun') === 'true') return this.moto.forward(call);
    switch (operationOf(call)) {
      case 'RunInstances':
        return this.run(call, form);
      case 'StartInstances':
        return this.start(call);
      case 'StopInstances':
        return this.stop(call);
      case 'TerminateInstances':
        return this.terminate(call);
      case 'RebootInstances':
        return this.reboot(call);
      case 'DescribeInstances':
        return this.describe(call, form);
      case 'DescribeInstanceStatus':
        return this.describeStatus(call, form);
      case 'DescribeSpotInstanceRequests':
        return describeSpotRequests(form, this.instances);
      case 'CancelSpotInstanceRequests':
        return cancelSpotRequests(form, this.instances);
      case 'ModifyInstanceAttribute':
        refuseTerminationProtection(form, this.instances);
        return this.moto.forward(call);
      default:
        return this.moto.forward(call);
    }
  }

  private async run(call: Call, form: URLSearchParams): Promise<Answer> {
    const answer = await this.moto.forward(call);
    if (answer.status !== 200) return answer;
    for (const { instanceId } of instancesIn(answer.body.toString())) {
      this.instances.launch(instanceId, spotRequestIn(form, instanceId));
    }
    return this.rewritten(answer);
  }

  private async start(call: Call): Promise<Answer> {
    refuseStartOfInterrupted(this.named(call));
    return this.changeStates(call, 'StartInstances', 'started', {
      begin: (instance) => this.instances.start(instance),
      from: ['stopped'],
      noOp: ['pending', 'running'],
    });
  }

  private async stop(call: Call): Promise<Answer> {
    return this.changeStates(call, 'StopInstances', 'stopped', {
      begin: (instance) => this.instances.stop(instance),
      from: ['pending', 'running'],
      noOp: ['stopping', 'stopped'],
    });
  }

  private async terminate(call: Call): Promise<Answer> {
    return this.changeStates(call, 'TerminateInstances', 'terminated', {
      begin: (instance) => this.instances.terminate(instance),
      from: ['pending', 'running', 'stopping', 'stopped'],
      noOp: ['shutting-down', 'terminated'],
    });
  }

  /** Checks all instances, then changes all, as EC2 does. moto checks for unknown ids and for protection. */
  private async changeStates(
    call: Call,
    operation: string,
    participle: string,
    rule: {
      begin: (instance: Ec2Instance) => void;
      from: readonly InstanceState[];
      noOp: readonly InstanceState[];
    },
  ): Promise<Answer> {
    const known = this.named(call);
    const wrong = known.find(({ state }) => !rule.from.includes(state) && !rule.noOp.includes(state));
    if (wrong) {
      throw new AwsError(
        400,
        'IncorrectInstanceState',
        `The instance '${wrong.instanceId}' is not in a state from which it can be ${participle}.`,
      );
    }
    const answer = await this.moto.forward(call);
    if (answer.status !== 200) return answer;
    const changes = known.map((instance) => {
      const previous = instance.state;
      if (rule.from.includes(previous)) rule.begin(instance);
      return { instanceId: instance.instanceId, previous, current: instance.state };
    });
    return xmlAnswer(stateChanges(operation, changes));
  }

  private named(call: Call): Ec2Instance[] {
    const instances = listIn(formOf(call), 'InstanceId').map((id) => this.instances.get(id));
    return instances.filter((instance) => instance !== undefined);
  }

  private async reboot(call: Call): Promise<Answer> {
    const answer = await this.moto.forward(call);
    if (answer.status !== 200) return answer;
    for (const instanceId of listIn(formOf(call), 'InstanceId')) {
      const instance = this.instances.get(instanceId);
      if (instance) this.instances.reboot(instance);
    }
    return answer;
  }

  private async describe(call: Call, form: URLSearchParams): Promise<Answer> {
    const { rest, isWanted } = withoutStateFilters(form);
    return this.rewritten(await this.moto.forward(withForm(call, rest)), isWanted);
  }

  private async describeStatus(call: Call, form: URLSearchParams): Promise<Answer> {
    const { rest, isWanted } = withoutStateFilters(form);
    const all = form.get('IncludeAllInstances') === 'true';
    rest.set('IncludeAllInstances', 'true');
    const answer = await this.moto.forward(withForm(call, rest));
    return this.rewritten(answer, (facts) => isWanted(facts) && (all || facts.state === 'running'));
  }

  private rewritten(answer: Answer, isWanted?: (facts: InstanceFacts) => boolean): Answer {
    if (answer.status !== 200) return answer;
    const xml = rewriteInstances(answer.body.toString(), (id) => this.instances.get(id), isWanted);
    return { ...answer, body: Buffer.from(xml) };
  }
}

/** Separates the filters by state from a call. moto would apply them to its own states; we apply them to ours. */
function withoutStateFilters(form: URLSearchParams) {
  const rest = new URLSearchParams();
  const names: string[][] = [];
  const codes: string[][] = [];
  let kept = 0;
  for (const [field, value] of form) if (!field.startsWith('Filter.')) rest.append(field, value);
  for (let index = 1; form.has(`Filter.${index}.Name`); index += 1) {
    const name = form.get(`Filter.${index}.Name`) ?? '';
    const values = listIn(form, `Filter.${index}.Value`);
    if (name === 'instance-state-name') names.push(values);
    else if (name === 'instance-state-code') codes.push(values);
    else {
      kept += 1;
      rest.append(`Filter.${kept}.Name`, name);
      values.forEach((value, at) => rest.append(`Filter.${kept}.Value.${at + 1}`, value));
    }
  }
  const isWanted = ({ state }: InstanceFacts) =>
    names.every((values) => values.includes(state)) &&
    codes.every((values) => values.includes(String(STATE_CODES[state])));
  return { rest, isWanted };
}
