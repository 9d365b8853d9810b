import { CloudwatchDashboard } from '@cdktf/provider-aws/lib/cloudwatch-dashboard';
import { Construct } from 'constructs';
import { METRIC_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../lifecycle/metrics';

export interface DashboardProps {
  readonly pipeline: string;
  readonly region: string;
  readonly instanceId: string;
  /** The functions' names. */
  readonly functions: readonly string[];
  readonly failuresQueue: string;
  readonly alarmArns: readonly string[];
}

/** Columns of a dashboard. */
const FULL_WIDTH = 24;
/** A graph's size, in columns and rows. */
const WIDTH = 8;
const HEIGHT = 6;
const GRAPHS_PER_ROW = FULL_WIDTH / WIDTH;
/** Rows of the widget that shows the alarms, above the graphs. */
const ALARMS_HEIGHT = 3;

/** Minutes between two samples of EC2's basic monitoring. There are no samples while the instance is off. */
const EC2_SAMPLE_MINUTES = 5;

/** One page about the pipeline's state. AWS charges nothing for an account's first three dashboards. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    new CloudwatchDashboard(this, 'page', {
      dashboardName: `lamplighter-${props.pipeline}`,
      dashboardBody: JSON.stringify({ start: '-P1D', widgets: widgets(props) }),
    });
  }
}

function widgets(props: DashboardProps): object[] {
  return [
    {
      type: 'alarm',
      ...{ x: 0, y: 0, width: FULL_WIDTH, height: ALARMS_HEIGHT },
      properties: { title: `${props.pipeline}: alarms (docs/OPERATIONS.md)`, alarms: props.alarmArns },
    },
    ...graphs(props).map(({ title, metrics, period }, index) => ({
      type: 'metric',
      x: (index % GRAPHS_PER_ROW) * WIDTH,
      y: ALARMS_HEIGHT + Math.floor(index / GRAPHS_PER_ROW) * HEIGHT,
      width: WIDTH,
      height: HEIGHT,
      properties: {
        title,
        metrics,
        period,
        view: 'timeSeries',
        region: props.region,
        yAxis: { left: { min: 0 } },
      },
    })),
  ];
}

/**
 * The graphs, row by row. `period`: seconds per point.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
function graphs({ pipeline, instanceId, functions, failuresQueue }: DashboardProps) {
  const own = (metric: MetricName, label: string, stat: string) => [
    METRIC_NAMESPACE,
    metric,
    METRIC_DIMENSION,
    pipeline,
    { label, stat },
  ];
  return [
    { title: 'Open jobs', metrics: [own('OpenJobs', 'open', 'Maximum')], period: 300 },
    {
      title: 'How long the oldest open job has waited, in seconds',
      metrics: [own('OldestOpenSeconds', 'oldest', 'Maximum')],
      period: 300,
    },
    {
      title: 'On-time per hour, in minutes (in steps of five)',
      metrics: minutesOn(instanceId),
      period: 3600,
    },
    {
      title: 'Runs per hour',
      metrics: [own('JobsSucceeded', 'succeeded', 'Sum'), own('JobsFailed', 'failed', 'Sum')],
      period: 3600,
    },
    {
      title: 'Waiting and running, in seconds',
      metrics: [
        own('WaitSeconds', 'wait, average', 'Average'),
        own('WaitSeconds', 'wait, longest', 'Maximum'),
        own('RunSeconds', 'run, average', 'Average'),
        own('RunSeconds', 'run, longest', 'Maximum'),
      ],
      period: 3600,
    },
    {
      title: 'Trouble',
      metrics: [
        ...functions.map(functionErrors),
        failedEvents(failuresQueue),
        own('BreakerTrips', 'breaker tripped', 'Sum'),
        own('StartsRefused', 'no capacity', 'Sum'),
      ],
      period: 300,
    },
  ];
}

function minutesOn(instanceId: string): readonly unknown[] {
  const style = { id: 'samples', stat: 'SampleCount', visible: false };
  return [
    ['AWS/EC2', 'CPUUtilization', 'InstanceId', instanceId, style],
    [{ expression: `samples * ${EC2_SAMPLE_MINUTES}`, label: 'minutes on', id: 'minutes' }],
  ];
}

function functionErrors(name: string): readonly unknown[] {
  return ['AWS/Lambda', 'Errors', 'FunctionName', name, { label: `errors of ${name}`, stat: 'Sum' }];
}

function failedEvents(queue: string): readonly unknown[] {
  const style = { label: 'events given up', stat: 'Maximum' };
  return ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', queue, style];
}
