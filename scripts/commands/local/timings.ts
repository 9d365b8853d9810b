import { type Timings, timingsForPeople, timingsForTests } from '../../../local-cloud/clockwork/timings';

/**
 * Milliseconds, about as EC2 and SSM need for a stopped Amazon Linux 2023 instance. The wait before Lambda retries a failed function
 * is AWS's (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
 */
const timingsOfAws: Timings = {
  startMs: 16_000,
  launchMs: 16_000,
  agentMs: 10_000,
  stopMs: 30_000,
  spotNoticeMs: 120_000,
  sweepMs: 300_000,
  notificationMs: 1_000,
  lambdaRetryMs: 60_000,
};

export const TIMINGS = { people: timingsForPeople, tests: timingsForTests, real: timingsOfAws };

export type TimingsName = keyof typeof TIMINGS;
