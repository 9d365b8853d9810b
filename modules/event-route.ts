import { CloudwatchEventRule } from '@cdktf/provider-aws/lib/cloudwatch-event-rule';
import { CloudwatchEventTarget } from '@cdktf/provider-aws/lib/cloudwatch-event-target';
import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import { Construct } from 'constructs';
import type { PipelineFunction } from './pipeline-function';

export interface EventRouteProps {
  readonly ruleName: string;
  readonly description: string;
  readonly target: PipelineFunction;
  /** Either a pattern that events match … */
  readonly pattern?: object;
  /** … or a schedule, in minutes. */
  readonly everyMinutes?: number;
}

/** An EventBridge rule that calls a function, on events or on a schedule. */
export class EventRoute extends Construct {
  constructor(scope: Construct, id: string, props: EventRouteProps) {
    super(scope, id);
    const { pattern, everyMinutes, target } = props;
    const rule = new CloudwatchEventRule(this, 'rule', {
      name: props.ruleName,
      description: props.description,
      ...(pattern === undefined ? {} : { eventPattern: JSON.stringify(pattern) }),
      ...(everyMinutes === undefined ? {} : { scheduleExpression: rate(everyMinutes) }),
    });
    const permission = new LambdaPermission(this, 'permission', {
      action: 'lambda:InvokeFunction',
      functionName: target.functionName,
      principal: 'events.amazonaws.com',
      // The rule's ARN contains the account. EventBridge sends no source account, so a condition on it would refuse every call.
      // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
      sourceArn: rule.arn,
    });
    new CloudwatchEventTarget(this, 'target', {
      rule: rule.name,
      arn: target.arn,
      dependsOn: [permission, target.ready],
    });
  }
}

/** EventBridge rejects `1 minutes`. */
function rate(minutes: number): string {
  return minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`;
}
