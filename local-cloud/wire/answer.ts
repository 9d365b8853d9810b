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
  switch (service) {
    case 's3':
      return xmlAnswer(`<Error>${error}<RequestId>${requestId}</RequestId></Error>`, status);
    case 'ec2':
      return xmlAnswer(
        `<Response><Errors><Error>${error}</Error></Errors><RequestID>${requestId}</RequestID></Response>`,
        status,
      );
    case 'iam':
    case 'sts':
    case 'sns':
    case 'autoscaling':
      return xmlAnswer(
        `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
        status,
      );
    default: {
      const answer = jsonAnswer({ __type: code, message, Message: message }, status);
      return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': code } };
    }
  }
}

export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
}
