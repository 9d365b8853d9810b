import { type CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { z } from 'zod';
import { awsCodeOf } from '../../lifecycle/errors';
import type { Manifest } from '../../lifecycle/manifest';
import { printable } from '../console/terminal';
import { jsonIn } from './readings/json';

/** A log line that contains the job's id. */
export interface LogLine {
  readonly at: number;
  readonly group: string;
  readonly message: string;
  /** CloudWatch's id of the event. */
  readonly id: string;
}

/** The log groups that may have lines about a job, in the order in which the job passes them. */
export function logGroupsOf({ functions, drainLogGroup }: Manifest): string[] {
  const { trigger, worker, stop } = functions;
  return [...[trigger, worker].map(groupOf), drainLogGroup, groupOf(stop)];
}

const groupOf = (name: string) => `/aws/lambda/${name}`;

/** Overlap of two readings, in milliseconds: CloudWatch shows a line some seconds after the line's own time. */
const LATE_MS = 60_000;

/** Reads the log lines about a job. Each line is returned once. */
export class JobLogs {
  private readonly returned = new Set<string>();
  private latest: number;

  constructor(
    private readonly logs: Pick<CloudWatchLogsClient, 'send'>,
    private readonly groups: readonly string[],
    private readonly jobId: string,
    since: number,
  ) {
    this.latest = since + LATE_MS;
  }

  /** Reads the lines that the last reading did not return, in the order of their times. */
  async readNew(): Promise<LogLine[]> {
    const from = this.latest - LATE_MS;
    const lines = (await Promise.all(this.groups.map((group) => this.readGroup(group, from)))).flat();
    const fresh = lines.filter(({ id }) => !this.returned.has(id)).sort((a, b) => a.at - b.at);
    for (const { id, at } of fresh) {
      this.returned.add(id);
      this.latest = Math.max(this.latest, at);
    }
    return fresh;
  }

  private async readGroup(group: string, startTime: number): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.readPage(group, startTime, nextToken);
      for (const { timestamp = 0, message = '', eventId, logStreamName = '' } of page?.events ?? []) {
        if (!message.includes(this.jobId)) continue;
        const id = eventId ?? `${group} ${logStreamName} ${timestamp} ${message}`;
        lines.push({ at: timestamp, group, message: message.trimEnd(), id });
      }
      nextToken = page?.nextToken;
    } while (nextToken !== undefined && nextToken !== '');
    return lines;
  }

  /** Undefined: the group does not exist yet, because nothing has been written to it. */
  private async readPage(logGroupName: string, startTime: number, nextToken: string | undefined) {
    try {
      return await this.logs.send(
        new FilterLogEventsCommand({
          ...{ logGroupName, startTime, nextToken },
          filterPattern: `"${this.jobId}"`,
        }),
      );
    } catch (error) {
      if (awsCodeOf(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }
}

const factSchema = z.looseObject({ level: z.string(), fact: z.string(), part: z.string().optional() });

/** Fields that every line of a job has. */
const COMMON = ['time', 'level', 'fact', 'part', 'pipeline', 'jobId', 'requestId', 'drainId', 'bootId'];

/** Only the first 12 digits are printed, as everywhere. */
const WHOLE_JOB_ID = /\b([0-9a-f]{12})[0-9a-f]{52}\b/g;

/** Formats a line: time, part, text. Lines of the model itself are printed without their JSON. */
export function logText({ at, group, message }: LogLine): string {
  const time = new Date(at).toISOString().slice(11, 23);
  const fallback = group.split('/').at(-1) ?? group;
  const parsed = factSchema.safeParse(jsonIn(message));
  if (!parsed.success) return `${time}  ${fallback.padEnd(7)}  ${printable(message, 2000)}`;
  const { level, fact, part = fallback, ...details } = parsed.data;
  const { stream, line } = details;
  const modelLine = typeof line === 'string' ? `${stream === 'stderr' ? 'stderr: ' : ''}${line}` : undefined;
  const rest = Object.entries(details).filter(([name]) => !COMMON.includes(name));
  const facts = [fact, ...rest.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join('  ');
  const text = modelLine ?? facts.replace(WHOLE_JOB_ID, '$1');
  const mark = level === 'info' ? '' : `${level}: `;
  return `${time}  ${part.padEnd(7)}  ${mark}${printable(text, 2000)}`;
}
