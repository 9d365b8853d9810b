import { EventBus } from '../../../local-cloud/eventbridge/api';
import { AwsError } from '../../../local-cloud/wire/answer';

const schedule = { Name: 'sweep', Arn: 'arn:sweep', State: 'ENABLED', ScheduleExpression: 'rate(5 minutes)' };

/** An event bus whose moto lists one schedule, and answers the question for its targets so. */
function busWith(targets: () => object): EventBus {
  const json = (_service: string, operation: string) =>
    operation === 'AWSEvents.ListRules'
      ? Promise.resolve({ Rules: [schedule] })
      : Promise.resolve().then(() => targets());
  return new EventBus({
    moto: { json },
    timers: { every: () => undefined },
    report: () => undefined,
    region: 'eu-central-1',
    sweepMs: 1,
    notificationMs: 1,
  } as never);
}

test('a rule that is deleted while its schedule fires ends neither the sweep nor a destroy', async () => {
  const gone = busWith(() => {
    throw new AwsError(400, 'ResourceNotFoundException', 'Rule sweep does not exist.');
  });
  await expect(gone.fireSchedules()).resolves.toBeUndefined();
});

test('any other error of the event bus is thrown', async () => {
  const broken = busWith(() => {
    throw new AwsError(500, 'InternalException', 'broken');
  });
  await expect(broken.fireSchedules()).rejects.toThrow('broken');
});
