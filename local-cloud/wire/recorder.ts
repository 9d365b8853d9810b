import type { IncomingHttpHeaders } from 'node:http';
import { type Call, type CallHead, operationOf } from './call';
import { s3OperationOf } from './s3-operation';

/** A call of the operator that changed something, and the ids in its answer. */
export interface RecordedCall {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Base64. */
  readonly body: string;
  /** Whether the body may contain ids: an object's bytes do not. */
  readonly isText: boolean;
  /** The ids in the answer, in its order. A repeated call gets other ids at the same places. */
  readonly ids: readonly string[];
}

/** The parts of an answer that have ids. */
interface RecordedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: Buffer;
}

/** Operations that change nothing. */
const READS = /^(Get|List|Describe|Head|Lookup|Simulate|AssumeRole|BatchGet|Select|Filter)/;

/**
 * Ids that the cloud makes up: EC2's (`i-0123456789abcdef0`), UUIDs (versions of objects, revisions of functions) and IAM's
 * (`AROA…`).
 */
const ID =
  /\b(?:[a-z]{1,10}-[0-9a-f]{17}|[a-z]{1,10}-[0-9a-f]{8}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|A[A-Z]{3}[A-Z0-9]{12,17})\b/g;

/** Hop-by-hop headers, and those that the HTTP client sets. */
const NOT_KEPT = ['connection', 'keep-alive', 'transfer-encoding', 'expect', 'host', 'content-length'];

/** Records the operator's changes of the cloud in the order of their answers. */
export class Recorder {
  private recorded: RecordedCall[] | undefined;

  begin(): void {
    this.recorded = [];
  }

  /** The calls since `begin`. From now on nothing is recorded. */
  finish(): readonly RecordedCall[] {
    const calls = this.recorded ?? [];
    this.recorded = undefined;
    return calls;
  }

  /** Whether `note` needs the body of an S3 request that streams past. */
  needsBody(head: CallHead): boolean {
    return this.recorded !== undefined && head.caller.kind === 'operator' && isWrite(head.method);
  }

  note(call: Call, { status, headers, body }: RecordedAnswer): void {
    if (!this.recorded || call.caller.kind !== 'operator' || status >= 300 || isRead(call)) return;
    const version = headers['x-amz-version-id'];
    this.recorded.push({
      method: call.method,
      target: call.target,
      headers: keptHeaders(call.headers),
      body: call.body.toString('base64'),
      isText: call.service !== 's3' || s3OperationOf(call).key === '',
      ids: idsIn(`${String(version ?? '')} ${body?.toString() ?? ''}`),
    });
  }
}

export function idsIn(text: string): string[] {
  return text.match(ID) ?? [];
}

/** The text with other ids. */
export function withIds(text: string, ids: ReadonlyMap<string, string>): string {
  return text.replaceAll(ID, (id) => ids.get(id) ?? id);
}

function isRead(call: Call): boolean {
  if (call.service === 's3' || call.service === 'lambda') return !isWrite(call.method);
  return READS.test(operationOf(call) ?? '');
}

function isWrite(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function keptHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || NOT_KEPT.includes(name) ? [] : [[name, value]],
    ),
  );
}
