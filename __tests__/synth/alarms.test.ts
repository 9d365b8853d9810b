import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRIC_NAMESPACE, METRIC_UNITS } from '../../lifecycle/metrics';
import { ALARM_NAMES } from '../../modules/alarms';
import { PROJECT, settingsWith, synthesizePipeline, type Block } from '../support/synth';

const { resource } = synthesizePipeline(settingsWith());
const alarms = resource.aws_cloudwatch_metric_alarm!;
const alarm = (name: string) => alarms[`alarms_${name}`]!;

test('nobody pays for an alarm by accident: eight, of the ten that are free of charge', () => {
  expect(Object.keys(alarms).sort()).toEqual([
    'alarms_breaker-tripped',
    'alarms_failed-events',
    'alarms_function-errors-stop',
    'alarms_function-errors-trigger',
    'alarms_function-errors-worker',
    'alarms_job-failed',
    'alarms_on-with-nothing-open',
    'alarms_sweep-missed',
  ]);
  // With math or more than one metric each metric of an alarm is paid for.
  for (const each of Object.values(alarms)) expect(each).not.toHaveProperty('metric_query');
});

test('somebody woken at night finds the alarm in docs/OPERATIONS.md under its name', () => {
  const text = readFileSync(join(PROJECT, 'docs', 'OPERATIONS.md'), 'utf8');
  for (const name of ALARM_NAMES) expect(text).toContain(`\n### ${name}\n`);
  for (const each of Object.values(alarms)) {
    const chapter = /docs\/OPERATIONS\.md#([a-z-]+)/.exec(String(each.alarm_description))?.[1];
    expect(ALARM_NAMES).toContain(chapter);
  }
});

test('an alarm speaks on the topic when it goes off and when it is over', () => {
  for (const each of Object.values(alarms)) {
    expect(each).toMatchObject({
      alarm_actions: ['${aws_sns_topic.alarms.arn}'],
      ok_actions: ['${aws_sns_topic.alarms.arn}'],
    });
  }
});

test('no alarm listens for what nobody says: our metrics are those that the stop function writes', () => {
  for (const { namespace, metric_name, dimensions } of Object.values(alarms)) {
    if (namespace !== METRIC_NAMESPACE) continue;
    expect(Object.keys(METRIC_UNITS)).toContain(metric_name);
    expect(dimensions).toEqual({ service: 'test' });
  }
});

test('a pipeline whose sweep has died says so: silence is the alarm', () => {
  expect(alarm('sweep-missed')).toMatchObject({
    metric_name: 'OpenJobs',
    statistic: 'SampleCount',
    comparison_operator: 'LessThanThreshold',
    threshold: 1,
    period: 300,
    evaluation_periods: 3,
    treat_missing_data: 'breaching',
  });
});

test('a job that failed, and a breaker that tripped, are told at once', () => {
  for (const name of ['job-failed', 'breaker-tripped']) {
    expect(alarm(name)).toMatchObject({
      statistic: 'Sum',
      comparison_operator: 'GreaterThanOrEqualToThreshold',
      threshold: 1,
      period: 300,
      evaluation_periods: 1,
      treat_missing_data: 'notBreaching',
    });
  }
});

test.each([
  [1, 60, 30],
  [5, 300, 6],
  [20, 1200, 2],
  [60, 3600, 2],
])(
  'with a sweep every %d minutes a machine left on is told within about half an hour or two sweeps',
  (sweepMinutes, period, periods) => {
    const stack = synthesizePipeline(settingsWith({ sweepMinutes }));
    expect(stack.resource.aws_cloudwatch_metric_alarm!['alarms_on-with-nothing-open']).toMatchObject({
      period,
      evaluation_periods: periods,
      treat_missing_data: 'notBreaching',
    });
  },
);

test('given-up events stay an alarm until the queue is empty: an idle queue falls silent', () => {
  expect(alarm('failed-events')).toMatchObject({
    dimensions: { QueueName: 'test-failures' },
    treat_missing_data: 'ignore',
  });
  expect(resource.aws_sqs_queue!.failures!.name).toBe('test-failures');
});

test('every function is watched, under the name that it has', () => {
  for (const [id, { function_name }] of Object.entries(resource.aws_lambda_function!)) {
    expect(alarm(`function-errors-${id}`).dimensions).toEqual({ FunctionName: function_name });
  }
});

test('a mail goes to each address, and to nobody unless somebody is named', () => {
  expect(resource).not.toHaveProperty('aws_sns_topic_subscription');
  const { aws_sns_topic_subscription } = synthesizePipeline(
    settingsWith({ alarmEmails: ['ada@example.org', 'Grace.H@example.org'] }),
  ).resource;
  expect(aws_sns_topic_subscription).toMatchObject({
    'alarms_mail-ada-example-org': { protocol: 'email', endpoint: 'ada@example.org' },
    'alarms_mail-grace-h-example-org': { protocol: 'email', endpoint: 'Grace.H@example.org' },
  });
});

test.each([['ada'], [['ada']], [['a@b.org', 'a@b.org']], [['a-b@c.org', 'a.b@c.org']]])(
  'addresses that would get no mail, or two, are refused: %j',
  (alarmEmails) => {
    expect(() => settingsWith({ alarmEmails })).toThrow('different e-mail addresses');
  },
);

test('who wants none of it pays for none of it: no alarm, no topic, no dashboard, no metric', () => {
  const without = synthesizePipeline(settingsWith({ alarms: false })).resource;
  expect(Object.keys(without).filter((type) => /alarm|sns|dashboard/.test(type))).toEqual([]);
  expect(without.aws_lambda_function!.stop).toMatchObject({
    environment: { variables: { LAMPLIGHTER_METRICS: 'off' } },
  });
});

describe('the dashboard', () => {
  const page = resource.aws_cloudwatch_dashboard!.dashboard!;
  const { widgets } = JSON.parse(String(page.dashboard_body)) as {
    widgets: {
      type: string;
      x: number;
      width: number;
      properties: { alarms?: string[]; metrics?: unknown[][] };
    }[];
  };

  test('shows every alarm', () => {
    const [row] = widgets.filter(({ type }) => type === 'alarm');
    expect(row!.properties.alarms).toHaveLength(Object.keys(alarms).length);
  });

  test('shows every metric that is paid for, except what an alarm alone looks at', () => {
    const shown = widgets.flatMap(({ properties }) => properties.metrics ?? []);
    const ours = new Set(
      shown.filter(([namespace]) => namespace === METRIC_NAMESPACE).map(([, name]) => name),
    );
    expect(Object.keys(METRIC_UNITS).filter((name) => !ours.has(name))).toEqual(['OnWithNothingOpen']);
    for (const [namespace, , dimension, value] of shown) {
      if (namespace === METRIC_NAMESPACE) expect([dimension, value]).toEqual(['service', 'test']);
    }
  });

  test('fits into 24 columns', () => {
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
  });
});

describe('the drain’s output', () => {
  test('is kept as long as the functions’, not for ever', () => {
    expect(resource.aws_cloudwatch_log_group!['drain-log']).toMatchObject({
      name: '/lamplighter/test/drain',
      retention_in_days: 30,
    } satisfies Block);
  });

  test('is all that the instance may write to a log: the agent gives up if it may not "create" the group', () => {
    const { policy } = resource.aws_iam_role_policy!.instance!;
    const { Statement } = JSON.parse(String(policy)) as {
      Statement: { Action: string[]; Resource: string[] }[];
    };
    const logs = Statement.filter(({ Action }) => Action.some((action) => action.startsWith('logs:')));
    expect(logs).toEqual([
      {
        Sid: 'SendDrainOutput',
        Effect: 'Allow',
        Action: [
          'logs:CreateLogGroup',
          'logs:CreateLogStream',
          'logs:DescribeLogStreams',
          'logs:PutLogEvents',
        ],
        Resource: [
          '${aws_cloudwatch_log_group.drain-log.arn}',
          '${aws_cloudwatch_log_group.drain-log.arn}:*',
        ],
      },
    ]);
  });
});
