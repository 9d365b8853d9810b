import { randomUUID } from 'node:crypto';
import { LamplighterError } from '../../lifecycle/errors';

/** A whole HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An error that the caller receives in AWS's form, in the protocol of the called service. */
export class AwsError extends LamplighterError {
  override readonly name = 'AwsError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export function jsonAnswer(body: unknown, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() },
    body: Buffer.from(JSON.stringify(body)),
  };
}

export function xmlAnswer(body: string, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': randomUUID() },
    body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`),
  };
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: Buffer.alloc(0) };
}

/** An AWS error document in the form that the service's SDKs read. */
export function errorAnswer(service: string, { status, code, message }: AwsError): Answer {
  const error = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
  const requestId = randomUUID();
  if (service === 's3')
    return xmlAnswer(`<Error>${error}<RequestId>${requestId}</RequestId></Error>`, status);
  if (service === 'ec2') {
    const errors = `<Errors><Error>${error}</Error></Errors>`;
    return xmlAnswer(`<Response>${errors}<RequestID>${requestId}</RequestID></Response>`, status);
  }
  if (['iam', 'sts', 'sns', 'autoscaling'].includes(service)) {
    const sent = `<Error><Type>Sender</Type>${error}</Error><RequestId>${requestId}</RequestId>`;
    return xmlAnswer(`<ErrorResponse>${sent}</ErrorResponse>`, status);
  }
  const answer = jsonAnswer({ __type: code, message, Message: message }, status);
  return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': code } };
}

/** Throws AwsError (400) with this code and message if the text is not JSON. */
export function requireJson(text: string, code: string, message: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new AwsError(400, code, message);
  }
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
}
