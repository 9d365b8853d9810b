import type { Construct } from 'constructs';
import { ENDED_COMMAND_STATUSES } from '../lifecycle/command-status';
import type { DrainDocument } from './drain-document';
import { EventRoute } from './event-route';
import type { PipelineFunction } from './pipeline-function';
import type { PipelineInstance } from './pipeline-instance';

export interface PipelineEventsProps {
  readonly pipeline: string;
  readonly sweepMinutes: number;
  readonly instance: PipelineInstance;
  readonly document: DrainDocument;
  readonly stop: PipelineFunction;
}

/** Routes three events to stop, in its caller's scope: the instance's state, the end of a drain, and the sweep. */
export function routeEventsToStop(scope: Construct, props: PipelineEventsProps): void {
  const { pipeline, stop } = props;
  new EventRoute(scope, 'instance-state', {
    ruleName: `${pipeline}-instance-state`,
    description: 'The instance has started or stopped, whatever the cause',
    target: stop,
    pattern: {
      source: ['aws.ec2'],
      'detail-type': ['EC2 Instance State-change Notification'],
      detail: {
        'instance-id': [props.instance.instanceId],
        state: ['running', 'stopped', 'terminated'],
      },
    },
  });
  new EventRoute(scope, 'drain-ended', {
    ruleName: `${pipeline}-drain-ended`,
    description: 'A drain command has ended, with success or failure',
    target: stop,
    pattern: {
      source: ['aws.ssm'],
      'detail-type': ['EC2 Command Status-change Notification'],
      detail: { 'document-name': [props.document.documentName], status: ENDED_COMMAND_STATUSES },
    },
  });
  new EventRoute(scope, 'sweep', {
    ruleName: `${pipeline}-sweep`,
    description: 'Settles on a schedule, in case an event was lost',
    target: stop,
    everyMinutes: props.sweepMinutes,
  });
}
