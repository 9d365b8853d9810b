import {
  CloudwatchMetricAlarm,
  type CloudwatchMetricAlarmConfig,
} from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic';
import { SnsTopicSubscription } from '@cdktf/provider-aws/lib/sns-topic-subscription';
import { Construct } from 'constructs';
import { METRIC_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../lifecycle/metrics';
import { resourceNameOf } from './settings';

export interface AlarmsProps {
  readonly pipeline: string;
  readonly sweepMinutes: number;
  /** Who gets a mail, once they have confirmed the one that AWS sends them. */
  readonly emails: readonly string[];
  /** The functions' names. */
  readonly functions: readonly string[];
  /** The name of the queue of events that failed in every attempt. */
  readonly failuresQueue: string;
}

/** Each has its chapter in docs/OPERATIONS.md, of the same name. Ten alarms of an account are free of charge. */
export const ALARM_NAMES = [
  'job-failed',
  'on-with-nothing-open',
  'breaker-tripped',
  'sweep-missed',
  'failed-events',
  'function-errors',
] as const;

export type AlarmName = (typeof ALARM_NAMES)[number];

/** How long an instance may be on with nothing open: a sweep, the closing margin, and the idle timer have had their turn. */
const IDLE_MINUTES = 30;

/** Sweeps in a row that must be missed: EventBridge's rate is no clock, and a failed one is tried again. */
const SWEEPS_MISSED = 3;

type Rule = Pick<
  CloudwatchMetricAlarmConfig,
  | 'namespace'
  | 'metricName'
  | 'dimensions'
  | 'statistic'
  | 'period'
  | 'evaluationPeriods'
  | 'comparisonOperator'
  | 'threshold'
  | 'treatMissingData'
>;

/** What wakes somebody up: a topic, and the alarms that speak on it. */
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
    // Not encrypted: CloudWatch cannot speak on a topic under AWS's own key, and an alarm names no upload.
    this.topic = new SnsTopic(this, 'topic', {
      name: `${pipeline}-alarms`,
      displayName: `Lamplighter ${pipeline}`,
    });
    for (const email of props.emails) {
      new SnsTopicSubscription(new Construct(this, resourceNameOf(email)), 'subscription', {
        topicArn: this.topic.arn,
        protocol: 'email',
        endpoint: email,
      });
    }

    this.alarm('job-failed', 'A job has ended in a failed receipt', ours(pipeline, 'JobsFailed'));
    this.alarm('on-with-nothing-open', 'The instance is on, and paid for, though no job is open', {
      ...ours(pipeline, 'OnWithNothingOpen'),
      period: sweepMinutes * 60,
      evaluationPeriods: Math.max(2, Math.ceil(IDLE_MINUTES / sweepMinutes)),
    });
    this.alarm(
      'breaker-tripped',
      'The machine was started again and again without doing any work: the pipeline is paused',
      ours(pipeline, 'BreakerTrips'),
    );
    this.alarm(
      'sweep-missed',
      'No sweep has come to its end: nothing repairs what an event should have done',
      {
        ...ours(pipeline, 'OpenJobs'),
        statistic: 'SampleCount',
        period: sweepMinutes * 60,
        evaluationPeriods: SWEEPS_MISSED,
        comparisonOperator: 'LessThanThreshold',
        treatMissingData: 'breaching',
      },
    );
    this.alarm('failed-events', 'Events that a function could not handle in any attempt lie in the queue', {
      ...whenever('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: props.failuresQueue }),
      statistic: 'Maximum',
      // A queue that nobody touches stops telling how full it is.
      treatMissingData: 'ignore',
    });
    for (const name of props.functions) {
      this.alarm(
        'function-errors',
        `${name} fails again and again`,
        {
          ...whenever('AWS/Lambda', 'Errors', { FunctionName: name }),
          period: 900,
          // One failed attempt is tried again and is nobody's business at night.
          threshold: 2,
        },
        name.slice(pipeline.length + 1),
      );
    }
  }

  private alarm(name: AlarmName, what: string, rule: Rule, of?: string): void {
    const id = of === undefined ? name : `${name}-${of}`;
    const alarm = new CloudwatchMetricAlarm(new Construct(this, id), 'alarm', {
      alarmName: `${this.props.pipeline}-${id}`,
      alarmDescription: `${what}. What to do: docs/OPERATIONS.md#${name}, and npx lamplighter doctor`,
      ...rule,
      alarmActions: [this.topic.arn],
      okActions: [this.topic.arn],
    });
    this.arns.push(alarm.arn);
  }
}

function ours(pipeline: string, metric: MetricName): Rule {
  return whenever(METRIC_NAMESPACE, metric, { [METRIC_DIMENSION]: pipeline });
}

/** At once, when the metric's sum over five minutes reaches 1; no data is good news. */
function whenever(namespace: string, metricName: string, dimensions: Record<string, string>): Rule {
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
