import { XMLParser } from 'fast-xml-parser';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError, escapeXml } from '../wire/answer';

/** One `<CloudFunctionConfiguration>` of a bucket. */
export interface FunctionNotification {
  readonly id: string;
  readonly functionArn: string;
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

const ARRAYS = ['CloudFunctionConfiguration', 'Event', 'FilterRule'];

const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => ARRAYS.includes(name),
});

const functionConfigurationSchema = z.object({
  Id: z.string().optional(),
  CloudFunction: z.string(),
  Event: z.array(z.string()),
  Filter: z
    .object({
      S3Key: z.object({ FilterRule: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]) }),
    })
    .optional(),
});

const documentSchema = z.object({
  NotificationConfiguration: z
    .union([
      z.looseObject({ CloudFunctionConfiguration: z.array(functionConfigurationSchema).default([]) }),
      z.string(),
    ])
    .transform((value) => (typeof value === 'string' ? { CloudFunctionConfiguration: [] } : value)),
});

/**
 * Reads the body of PutBucketNotificationConfiguration. Throws AwsError: MalformedXML, or NotImplemented. The local cloud
 * delivers neither to queues, topics and EventBridge, nor events other than the creation of objects.
 */
export function parseNotifications(xml: string): FunctionNotification[] {
  let document: unknown;
  try {
    document = parser.parse(xml);
  } catch {
    throw new AwsError(400, 'MalformedXML', 'The XML you provided was not well-formed.');
  }
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) throw new AwsError(400, 'MalformedXML', z.prettifyError(parsed.error));
  const { NotificationConfiguration: configuration } = parsed.data;
  for (const other of ['QueueConfiguration', 'TopicConfiguration', 'EventBridgeConfiguration']) {
    if (other in configuration) throw unsupported(`${other} in a bucket's notifications`);
  }
  return configuration.CloudFunctionConfiguration.map(({ Id, CloudFunction, Event, Filter }) => {
    const unknown = Event.find((event) => !event.startsWith('s3:ObjectCreated:'));
    if (unknown !== undefined) throw unsupported(`the event ${unknown}`);
    const rules = Filter?.S3Key.FilterRule ?? [];
    const ruleOf = (name: string) => rules.find((rule) => rule.Name.toLowerCase() === name)?.Value ?? '';
    return {
      id: Id ?? randomUUID(),
      functionArn: CloudFunction,
      events: Event,
      prefix: ruleOf('prefix'),
      suffix: ruleOf('suffix'),
    };
  });
}

/** The body of the answer to GetBucketNotificationConfiguration. */
export function renderNotifications(notifications: readonly FunctionNotification[]): string {
  const rule = (name: string, value: string) =>
    value === '' ? '' : `<FilterRule><Name>${name}</Name><Value>${escapeXml(value)}</Value></FilterRule>`;
  const entries = notifications.map(({ id, functionArn, events, prefix, suffix }) => {
    const rules = rule('prefix', prefix) + rule('suffix', suffix);
    return [
      `<CloudFunctionConfiguration><Id>${escapeXml(id)}</Id>`,
      `<CloudFunction>${escapeXml(functionArn)}</CloudFunction>`,
      ...events.map((event) => `<Event>${escapeXml(event)}</Event>`),
      rules === '' ? '' : `<Filter><S3Key>${rules}</S3Key></Filter>`,
      '</CloudFunctionConfiguration>',
    ].join('');
  });
  return `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${entries.join('')}</NotificationConfiguration>`;
}

/** Whether a notification's filter matches an event, such as `ObjectCreated:Put`, of this key. */
export function matches(notification: FunctionNotification, eventName: string, key: string): boolean {
  const { events, prefix, suffix } = notification;
  const named = events.some((event) => event === `s3:${eventName}` || event === 's3:ObjectCreated:*');
  return named && key.startsWith(prefix) && key.endsWith(suffix);
}

function unsupported(what: string): AwsError {
  return new AwsError(501, 'NotImplemented', `The local cloud does not deliver ${what}.`);
}
