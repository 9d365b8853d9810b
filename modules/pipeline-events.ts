import {
  CloudwatchEventRule,
  type CloudwatchEventRuleConfig,
} from '@cdktf/provider-aws/lib/cloudwatch-event-rule';
import { CloudwatchEventTarget } from '@cdktf/provider-aws/lib/cloudwatch-event-target';
import type { Instance } from '@cdktf/provider-aws/lib/instance';
import { LambdaPermission } from '@cdktf/provider-aws/lib/lambda-permission';
import type { SsmDocument } from '@cdktf/provider-aws/lib/ssm-document';
import { Construct } from 'constructs';
import { ENDED_COMMAND_STATUSES } from '../lifecycle/command-status';
import type { PipelineFunction } from './pipeline-function';

export interface PipelineEventsProps {
  readonly pipeline: string;
  readonly sweepMinutes: number;
  readonly instance: Instance;
  readonly document: SsmDocument;
  readonly stop: PipelineFunction;
}

/** Routes three events to stop, in its caller's scope: the instance's state, the end of a drain, and the sweep. */
export function routeEventsToStop(scope: Construct, props: PipelineEventsProps): void {
  const { pipeline, sweepMinutes, instance, document, stop } = props;
  addRule(new Construct(scope, 'instance-state'), stop, {
    name: `${pipeline}-instance-state`,
    description: 'The instance has started or stopped, whatever the cause',
    eventPattern: JSON.stringify({
      source: ['aws.ec2'],
      'detail-type': ['EC2 Instance State-change Notification'],
      detail: { 'instance-id': [instance.id], state: ['running', 'stopped', 'terminated'] },
    }),
  });
  addRule(new Construct(scope, 'drain-ended'), stop, {
    name: `${pipeline}-drain-ended`,
    description: 'A drain command has ended, with success or failure',
    eventPattern: JSON.stringify({
      source: ['aws.ssm'],
      'detail-type': ['EC2 Command Status-change Notification'],
      detail: { 'document-name': [document.name], status: ENDED_COMMAND_STATUSES },
    }),
  });
  addRule(new Construct(scope, 'sweep'), stop, {
    name: `${pipeline}-sweep`,
    description: 'Settles on a schedule, in case an event was lost',
    // EventBridge rejects `1 minutes`.
    scheduleExpression: sweepMinutes === 1 ? 'rate(1 minute)' : `rate(${sweepMinutes} minutes)`,
  });
}

/** Adds an EventBridge rule that calls a function, on events or on a schedule. */
function addRule(scope: Construct, target: PipelineFunction, config: CloudwatchEventRuleConfig): void {
  const rule = new CloudwatchEventRule(scope, 'rule', config);
  const permission = new LambdaPermission(scope, 'permission', {
    action: 'lambda:InvokeFunction',
    functionName: target.functionName,
    principal: 'events.amazonaws.com',
    // The rule's ARN contains the account. EventBridge sends no source account, so a condition on it would refuse every call.
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    sourceArn: rule.arn,
  });
  new CloudwatchEventTarget(scope, 'target', {
    rule: rule.name,
    arn: target.arn,
    dependsOn: [permission, target.ready],
  });
}
