import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRIC_NAMESPACE, METRIC_UNITS } from '../../lifecycle/metrics';
import { ALARM_NAMES } from '../../modules/alarms';
import { PROJECT, settingsWith, synthesizePipeline, type Block } from '../support/synth';

const { resource } = synthesizePipeline(settingsWith());
const alarms = resource.aws_cloudwatch_metric_alarm!;
const alarm = (name: string) => alarms[`alarms_${name}`]!;

test('alarms cost nothing by default: a pipeline has nine, and an account has ten free of charge', () => {
  expect(Object.keys(alarms).sort()).toEqual([
    'alarms_breaker-tripped',
    'alarms_failed-events',
    'alarms_function-errors-stop',
    'alarms_function-errors-trigger',
    'alarms_function-errors-worker',
    'alarms_job-failed',
    'alarms_no-capacity',
    'alarms_on-with-nothing-open',
    'alarms_sweep-missed',
  ]);
  // AWS bills each metric of an alarm that uses math or several metrics.
  for (const each of Object.values(alarms)) expect(each).not.toHaveProperty('metric_query');
});

test('an operator finds each alarm in docs/OPERATIONS.md under its name', () => {
  const text = readFileSync(join(PROJECT, 'docs', 'OPERATIONS.md'), 'utf8');
  for (const name of ALARM_NAMES) expect(text).toContain(`\n### ${name}\n`);
  for (const each of Object.values(alarms)) {
    const chapter = /docs\/OPERATIONS\.md#([a-z-]+)/.exec(String(each.alarm_description))?.[1];
    expect(ALARM_NAMES).toContain(chapter);
  }
});

test('an alarm publishes to the topic when it goes off and when it is over', () => {
  for (const each of Object.values(alarms)) {
    expect(each).toMatchObject({
      alarm_actions: ['${aws_sns_topic.alarms.arn}'],
      ok_actions: ['${aws_sns_topic.alarms.arn}'],
    });
  }
});

test('no alarm waits for a metric that does not exist: the stop function writes every one of them', () => {
  for (const { namespace, metric_name, dimensions } of Object.values(alarms)) {
    if (namespace !== METRIC_NAMESPACE) continue;
    expect(Object.keys(METRIC_UNITS)).toContain(metric_name);
    expect(dimensions).toEqual({ service: 'test' });
  }
});

test('a missing sweep sets off an alarm: missing data is breaching', () => {
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

test('a failed job and a tripped breaker set off their alarms at once', () => {
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
  'with a sweep every %d minutes, an idle instance sets off its alarm within half an hour or two sweeps',
  (sweepMinutes, period, periods) => {
    const stack = synthesizePipeline(settingsWith({ sweepMinutes }));
    expect(stack.resource.aws_cloudwatch_metric_alarm!['alarms_on-with-nothing-open']).toMatchObject({
      period,
      evaluation_periods: periods,
      treat_missing_data: 'notBreaching',
    });
  },
);

test('failed events keep their alarm on until the queue is empty, although an idle queue reports nothing', () => {
  expect(alarm('failed-events')).toMatchObject({
    dimensions: { QueueName: 'test-failures' },
    treat_missing_data: 'ignore',
  });
  expect(resource.aws_sqs_queue!.failures!.name).toBe('test-failures');
});

test('every function has an alarm for its errors, under its real name', () => {
  for (const [id, { function_name }] of Object.entries(resource.aws_lambda_function!)) {
    expect(alarm(`function-errors-${id}`).dimensions).toEqual({ FunctionName: function_name });
  }
});

test('each address in alarmEmails gets a mail, and without addresses nothing is sent', () => {
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
  'alarmEmails refuses invalid and repeated addresses: %j',
  (alarmEmails) => {
    expect(() => settingsWith({ alarmEmails })).toThrow('different e-mail addresses');
  },
);

test('with alarms off, nothing costs money: no alarm, no topic, no dashboard, no metric', () => {
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

  test('shows every metric that costs money, except the one that only an alarm uses', () => {
    const shown = widgets.flatMap(({ properties }) => properties.metrics ?? []);
    const ownMetrics = new Set(
      shown.filter(([namespace]) => namespace === METRIC_NAMESPACE).map(([, name]) => name),
    );
    expect(Object.keys(METRIC_UNITS).filter((name) => !ownMetrics.has(name))).toEqual(['OnWithNothingOpen']);
    for (const [namespace, , dimension, value] of shown) {
      if (namespace === METRIC_NAMESPACE) expect([dimension, value]).toEqual(['service', 'test']);
    }
  });

  test('fits into 24 columns', () => {
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
  });
});

describe('the drain’s output', () => {
  test('expires like the logs of the functions', () => {
    expect(resource.aws_cloudwatch_log_group!['drain-log']).toMatchObject({
      name: '/lamplighter/test/drain',
      retention_in_days: 30,
    } satisfies Block);
  });

  test('goes to the only log group that the instance may write to, and may create, as the agent requires', () => {
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
