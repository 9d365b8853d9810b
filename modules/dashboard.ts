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

/** One row of the grid; a dashboard is 24 columns wide. */
const HEIGHT = 6;
const WIDTH = 8;
const FULL_WIDTH = 24;

/** Basic monitoring writes one value in so many minutes, and none while the instance is off. */
const EC2_SAMPLE_MINUTES = 5;

/** One page that says how the pipeline fares. The first three dashboards of an account are free of charge. */
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
  const { pipeline } = props;
  const ours = (metric: MetricName, label: string, stat: string) => [
    METRIC_NAMESPACE,
    metric,
    METRIC_DIMENSION,
    pipeline,
    { label, stat },
  ];
  const onTime = [
    [
      'AWS/EC2',
      'CPUUtilization',
      'InstanceId',
      props.instanceId,
      { id: 'samples', stat: 'SampleCount', visible: false },
    ],
    [{ expression: `samples * ${EC2_SAMPLE_MINUTES}`, label: 'minutes on', id: 'minutes' }],
  ];
  const errors = props.functions.map((name) => [
    'AWS/Lambda',
    'Errors',
    'FunctionName',
    name,
    { label: `errors of ${name}`, stat: 'Sum' },
  ]);
  const failed = [
    'AWS/SQS',
    'ApproximateNumberOfMessagesVisible',
    'QueueName',
    props.failuresQueue,
    { label: 'events given up', stat: 'Maximum' },
  ];
  const graphs: [string, unknown[][], number][] = [
    ['Open jobs', [ours('OpenJobs', 'open', 'Maximum')], 300],
    [
      'How long the oldest open job has waited, in seconds',
      [ours('OldestOpenSeconds', 'oldest', 'Maximum')],
      300,
    ],
    ['On-time per hour, in minutes (in steps of five)', onTime, 3600],
    ['Runs per hour', [ours('JobsSucceeded', 'succeeded', 'Sum'), ours('JobsFailed', 'failed', 'Sum')], 3600],
    [
      'Waiting and running, in seconds',
      [
        ours('WaitSeconds', 'wait, average', 'Average'),
        ours('WaitSeconds', 'wait, longest', 'Maximum'),
        ours('RunSeconds', 'run, average', 'Average'),
        ours('RunSeconds', 'run, longest', 'Maximum'),
      ],
      3600,
    ],
    ['Trouble', [...errors, failed, ours('BreakerTrips', 'breaker tripped', 'Sum')], 300],
  ];
  return [
    {
      type: 'alarm',
      ...{ x: 0, y: 0, width: FULL_WIDTH, height: 3 },
      properties: { title: `${pipeline}: alarms (docs/OPERATIONS.md)`, alarms: props.alarmArns },
    },
    ...graphs.map(([title, metrics, period], index) => ({
      type: 'metric',
      x: (index % (FULL_WIDTH / WIDTH)) * WIDTH,
      y: 3 + Math.floor(index / (FULL_WIDTH / WIDTH)) * HEIGHT,
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
