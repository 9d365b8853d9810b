import { GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { PipelineHandle } from '../pipeline/connect';
import { jsonIn } from '../pipeline/readings/json';
import type { Facts } from './facts';

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
const recordSchema = z.object({
  timestamp: z.string(),
  requestContext: z.object({ functionArn: z.string(), requestId: z.string() }),
  responsePayload: z.object({ errorMessage: z.string() }),
});

const SAMPLES = 3;

/** Reads how many events the functions gave up, and why the first ones failed. The events stay in the queue. */
export async function readFailedEvents({
  target,
  manifest,
}: PipelineHandle): Promise<NonNullable<Facts['failedEvents']>> {
  const { sqs } = target.clients;
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: manifest.failuresQueue }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  const count = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
  if (count === 0) return { count, samples: [] };
  // With a timeout of 0 the messages stay visible to other readers.
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: SAMPLES, VisibilityTimeout: 0 }),
  );
  return { count, samples: (Messages ?? []).map(({ Body }) => sampleText(Body ?? '')) };
}

function sampleText(body: string): string {
  const record = recordSchema.safeParse(jsonIn(body));
  if (!record.success) return body.slice(0, 200);
  const { timestamp, requestContext, responsePayload } = record.data;
  const name = requestContext.functionArn.split(':')[6] ?? requestContext.functionArn;
  return `${timestamp} ${name}, request ${requestContext.requestId}: ${responsePayload.errorMessage.slice(0, 300)}`;
}
