import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic';
import { SnsTopicSubscription } from '@cdktf/provider-aws/lib/sns-topic-subscription';
import { Construct } from 'constructs';
import { METRIC_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../lifecycle/metrics';
import { resourceNameOf } from './settings';

export interface AlarmsProps {
  readonly pipeline: string;
  readonly sweepMinutes: number;
  /** Addresses that get a mail. AWS first sends each of them a mail with a link to confirm. */
  readonly emails: readonly string[];
  /** The functions' names. */
  readonly functions: readonly string[];
  /** The name of the queue for events that failed in every attempt. */
  readonly failuresQueue: string;
}

/** The alarms. docs/OPERATIONS.md has a chapter of the same name for each. AWS charges nothing for an account's first ten. */
export const ALARM_NAMES = [
  'job-failed',
  'on-with-nothing-open',
  'breaker-tripped',
  'no-capacity',
  'sweep-missed',
  'failed-events',
  'function-errors',
] as const;

export type AlarmName = (typeof ALARM_NAMES)[number];

/** Minutes an instance may be on with nothing open. A sweep, the closing margin and the idle timer each fit into them. */
const IDLE_MINUTES = 30;

/** Consecutive missed sweeps. EventBridge's rate is not exact, and Lambda retries a sweep that failed. */
const SWEEPS_MISSED = 3;

/** Consecutive sweeps that find no capacity. A shortage of some minutes is usual, and needs nobody. */
const REFUSED_SWEEPS = 3;

type MetricRule = ReturnType<typeof atLeastOnce>;

/** An SNS topic, and the alarms that publish to it. */
export class Alarms extends Construct {
  readonly arns: string[] = [];
  private readonly topic: SnsTopic;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: AlarmsProps,
  ) {
    super(scope, id);
    const { pipeline, sweepMinutes } = props;
    // Not encrypted: CloudWatch cannot publish to a topic under AWS's own key, and an alarm contains no upload's name.
    const displayName = `Lamplighter ${pipeline}`;
    this.topic = new SnsTopic(this, 'topic', { name: `${pipeline}-alarms`, displayName });
    for (const email of props.emails) {
      new SnsTopicSubscription(new Construct(this, resourceNameOf(email)), 'subscription', {
        topicArn: this.topic.arn,
        protocol: 'email',
        endpoint: email,
      });
    }

    this.addAlarm('job-failed', 'A job ended in a failed receipt', ownMetric(pipeline, 'JobsFailed'));
    this.addAlarm('on-with-nothing-open', 'The instance is on and costs money, but no job is open', {
      ...ownMetric(pipeline, 'OnWithNothingOpen'),
      period: sweepMinutes * 60,
      evaluationPeriods: Math.max(2, Math.ceil(IDLE_MINUTES / sweepMinutes)),
    });
    const trips = ownMetric(pipeline, 'BreakerTrips');
    this.addAlarm('breaker-tripped', 'Several starts in a row did no work; the pipeline is paused', trips);
    const limit =
      'AWS has no free machine of its type, or the account is at its limit (Service Quotas, Amazon EC2)';
    this.addAlarm('no-capacity', `EC2 does not start the instance: ${limit}`, {
      ...ownMetric(pipeline, 'StartsRefused'),
      period: sweepMinutes * 60,
      evaluationPeriods: REFUSED_SWEEPS,
    });
    this.addAlarm('sweep-missed', 'No sweep has finished for a while; nothing repairs lost events', {
      ...ownMetric(pipeline, 'OpenJobs'),
      statistic: 'SampleCount',
      period: sweepMinutes * 60,
      evaluationPeriods: SWEEPS_MISSED,
      comparisonOperator: 'LessThanThreshold',
      treatMissingData: 'breaching',
    });
    this.addAlarm('failed-events', 'The failures queue contains events that failed in every attempt', {
      ...atLeastOnce('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: props.failuresQueue }),
      statistic: 'Maximum',
      // A queue without activity stops reporting its size, although events are still in it.
      treatMissingData: 'ignore',
    });
    for (const name of props.functions) {
      const errors = atLeastOnce('AWS/Lambda', 'Errors', { FunctionName: name });
      // Lambda retries after one failed attempt; that is no reason to wake an operator.
      const rule = { ...errors, period: 900, threshold: 2 };
      this.addAlarm('function-errors', `${name} fails repeatedly`, rule, name.slice(pipeline.length + 1));
    }
  }

  private addAlarm(name: AlarmName, meaning: string, rule: MetricRule, functionId?: string): void {
    const id = functionId === undefined ? name : `${name}-${functionId}`;
    const alarm = new CloudwatchMetricAlarm(new Construct(this, id), 'alarm', {
      alarmName: `${this.props.pipeline}-${id}`,
      alarmDescription: `${meaning}. What to do: docs/OPERATIONS.md#${name}, and npx lamplighter doctor`,
      ...rule,
      alarmActions: [this.topic.arn],
      okActions: [this.topic.arn],
    });
    this.arns.push(alarm.arn);
  }
}

function ownMetric(pipeline: string, metric: MetricName): MetricRule {
  return atLeastOnce(METRIC_NAMESPACE, metric, { [METRIC_DIMENSION]: pipeline });
}

/** Goes off when the metric's sum over five minutes reaches 1. Missing data counts as 0. */
function atLeastOnce(namespace: string, metricName: string, dimensions: Record<string, string>) {
  return {
    namespace,
    metricName,
    dimensions,
    statistic: 'Sum',
    period: 300,
    evaluationPeriods: 1,
    comparisonOperator: 'GreaterThanOrEqualToThreshold',
    threshold: 1,
    treatMissingData: 'notBreaching',
  };
}
