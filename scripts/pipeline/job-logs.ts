import { type CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { z } from 'zod';
import { awsCodeOf } from '../../lifecycle/errors';
import type { Manifest } from '../../lifecycle/manifest';
import { printable } from '../console/terminal';

/** One line of a log that names the job. */
export interface LogLine {
  readonly at: number;
  readonly group: string;
  readonly message: string;
  /** CloudWatch's own id of it. */
  readonly id: string;
}

/** The groups that may hold a job's lines, in the order in which it comes through them. */
export function logGroupsOf({ functions, drainLogGroup }: Manifest): string[] {
  const { trigger, worker, stop } = functions;
  return [...[trigger, worker].map(groupOf), drainLogGroup, groupOf(stop)];
}

const groupOf = (name: string) => `/aws/lambda/${name}`;

/** CloudWatch shows a line some seconds after its time; so far back a second look goes. */
const LATE_MS = 60_000;

/** Reads the lines that name a job; each only once, however often it looks. */
export class JobLogs {
  private readonly seen = new Set<string>();
  private latest: number;

  constructor(
    private readonly logs: Pick<CloudWatchLogsClient, 'send'>,
    private readonly groups: readonly string[],
    private readonly jobId: string,
    since: number,
  ) {
    this.latest = since + LATE_MS;
  }

  /** The lines that were not there at the last look, in the order of their times. */
  async look(): Promise<LogLine[]> {
    const from = this.latest - LATE_MS;
    const lines = (await Promise.all(this.groups.map((group) => this.read(group, from)))).flat();
    const fresh = lines.filter(({ id }) => !this.seen.has(id)).sort((a, b) => a.at - b.at);
    for (const { id, at } of fresh) {
      this.seen.add(id);
      this.latest = Math.max(this.latest, at);
    }
    return fresh;
  }

  private async read(group: string, startTime: number): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.page(group, startTime, nextToken);
      for (const { timestamp = 0, message = '', eventId, logStreamName = '' } of page?.events ?? []) {
        if (!message.includes(this.jobId)) continue;
        const id = eventId ?? `${group} ${logStreamName} ${timestamp} ${message}`;
        lines.push({ at: timestamp, group, message: message.trimEnd(), id });
      }
      nextToken = page?.nextToken;
    } while (nextToken !== undefined && nextToken !== '');
    return lines;
  }

  /** Undefined: nothing has been written to the group yet, so that there is none. */
  private async page(logGroupName: string, startTime: number, nextToken: string | undefined) {
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

/** What every line of a job says, and nobody needs to read again. */
const KNOWN = new Set([
  'time',
  'level',
  'fact',
  'part',
  'pipeline',
  'jobId',
  'requestId',
  'drainId',
  'bootId',
]);

/** Jobs are called by their first digits everywhere else, too. */
const WHOLE_JOB_ID = /\b([0-9a-f]{12})[0-9a-f]{52}\b/g;

/** A line for people: when, which part, what; a model's own words as they are. */
export function logText({ at, group, message }: LogLine): string {
  const time = new Date(at).toISOString().slice(11, 23);
  const fallback = group.split('/').at(-1) ?? group;
  const parsed = factSchema.safeParse(jsonIn(message));
  if (!parsed.success) return `${time}  ${fallback.padEnd(7)}  ${printable(message, 2000)}`;
  const { level, fact, part = fallback, ...details } = parsed.data;
  const { stream, line } = details;
  const said = typeof line === 'string' ? `${stream === 'stderr' ? 'stderr: ' : ''}${line}` : undefined;
  const rest = Object.entries(details).filter(([name]) => !KNOWN.has(name));
  const facts = [fact, ...rest.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join('  ');
  const text = said ?? facts.replace(WHOLE_JOB_ID, '$1');
  const mark = level === 'info' ? '' : `${level}: `;
  return `${time}  ${part.padEnd(7)}  ${mark}${printable(text, 2000)}`;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
