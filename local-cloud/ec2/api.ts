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

/** The operations that change states: our method, the states that it changes, and those in which EC2 does nothing. */
const CHANGES = {
  StartInstances: change('start', 'started', ['stopped'], ['pending', 'running']),
  StopInstances: change('stop', 'stopped', ['pending', 'running'], ['stopping', 'stopped']),
  TerminateInstances: change(
    'terminate',
    'terminated',
    ['pending', 'running', 'stopping', 'stopped'],
    ['shutting-down', 'terminated'],
  ),
};

function change(
  begin: 'start' | 'stop' | 'terminate',
  participle: string,
  from: readonly InstanceState[],
  noOp: readonly InstanceState[],
) {
  return { begin, participle, from, noOp };
}

/**
 * Throws AwsError, as EC2 does, if there is a code. Want of capacity is EC2's error, and a limit is the caller's.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
function refuseWithoutCapacity(code: string | undefined): void {
  if (code === undefined) return;
  const status = code.startsWith('Insufficient') ? 500 : 400;
  throw new AwsError(status, code, 'The local cloud does not start the instance: a test has said so.');
}

/** EC2's API. moto keeps the instances; their states and launch times are ours. */
export class Ec2Api {
  constructor(
    private readonly moto: MotoApi,
    private readonly instances: Ec2Instances,
    /** Tests let EC2 have no capacity. */
    private readonly refusals: { takeStartRefusal(): string | undefined },
  ) {}

  async answer(call: Call): Promise<Answer> {
    const form = formOf(call);
    // moto answers a dry run.
    if (form.get('DryRun') === 'true') return this.moto.forward(call);
    const operations: Record<string, () => Answer | Promise<Answer>> = {
      RunInstances: () => this.run(call, form),
      StartInstances: () => this.changeStates(call, 'StartInstances'),
      StopInstances: () => this.changeStates(call, 'StopInstances'),
      TerminateInstances: () => this.changeStates(call, 'TerminateInstances'),
      RebootInstances: () => this.reboot(call),
      DescribeInstances: () => this.describe(call, form),
      DescribeInstanceStatus: () => this.describeStatus(call, form),
      DescribeSpotInstanceRequests: () => describeSpotRequests(form, this.instances),
      CancelSpotInstanceRequests: () => cancelSpotRequests(form, this.instances),
      ModifyInstanceAttribute: () => {
        refuseTerminationProtection(form, this.instances);
        return this.moto.forward(call);
      },
    };
    return (operations[operationOf(call) ?? ''] ?? (() => this.moto.forward(call)))();
  }

  private async run(call: Call, form: URLSearchParams): Promise<Answer> {
    const answer = await this.moto.forward(call);
    if (answer.status !== 200) return answer;
    for (const { instanceId } of instancesIn(answer.body.toString())) {
      this.instances.launch(instanceId, spotRequestIn(form, instanceId));
    }
    return this.rewritten(answer);
  }

  /** Checks all instances, then changes all, as EC2 does. moto checks for unknown ids and for protection. */
  private async changeStates(call: Call, operation: keyof typeof CHANGES): Promise<Answer> {
    const { begin, from, noOp, participle } = CHANGES[operation];
    const known = this.named(call);
    if (operation === 'StartInstances') {
      refuseStartOfInterrupted(known);
      if (known.some(({ state }) => state === 'stopped'))
        refuseWithoutCapacity(this.refusals.takeStartRefusal());
    }
    const wrong = known.find(({ state }) => ![...from, ...noOp].includes(state));
    if (wrong) {
      const text = `The instance '${wrong.instanceId}' is not in a state from which it can be ${participle}.`;
      throw new AwsError(400, 'IncorrectInstanceState', text);
    }
    const answer = await this.moto.forward(call);
    if (answer.status !== 200) return answer;
    const changes = known.map((instance) => {
      const previous = instance.state;
      if (from.includes(previous)) this.instances[begin](instance);
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
    for (const instance of this.named(call)) this.instances.reboot(instance);
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
