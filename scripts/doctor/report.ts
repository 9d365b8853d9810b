import { shortId } from '../../lifecycle/job';
import { type Terminal, age, ago, duration, printable } from '../console/terminal';
import type { Facts } from './facts';
import type { Finding } from './findings';
import { EVENT_GRACE_MS } from '../pipeline/list-uploads';
import { withoutWork } from '../pipeline/without-work';
import { waitReason, waitedMs } from './waiting';

const JOBS_SHOWN = 10;
const TEXT_CHARACTERS = 1_500;

/** The report for people: first the state of each part, then the findings with their advice. */
export function reportLines(
  facts: Facts,
  found: readonly Finding[],
  now: number,
  { colours }: Pick<Terminal, 'colours'>,
): string[] {
  const line = (what: string, text: string) =>
    `${colours.bold(what)}${' '.repeat(12 - what.length)}${printable(text, TEXT_CHARACTERS)}`;
  const lines = [
    line('Pipeline', `${facts.manifest.pipeline} (${facts.manifest.region})`),
    line('Instance', `${facts.manifest.instanceId} ${instanceText(facts)}`),
    line('Agent', agentText(facts, now)),
    line('Gate', gateText(facts, now)),
    line('Last drain', drainText(facts, now)),
    line('Last sweep', sweepText(facts, now)),
    line('Models', modelsText(facts)),
    line('Uploads', uploadsText(facts)),
    ...(facts.plan ? [line('Plan', facts.plan.text)] : []),
    line('Open', openText(facts)),
  ];
  for (const job of facts.open?.jobs.slice(0, JOBS_SHOWN) ?? []) {
    const key = 'record' in job.open ? job.open.record.input.key : '(unreadable record)';
    const waited = duration(waitedMs(job, now));
    const text = `${shortId(job.jobId)}  ${key}  open for ${waited}: ${waitReason(facts, job, now)}`;
    lines.push(`  ${printable(text, TEXT_CHARACTERS)}`);
  }
  lines.push('');
  for (const { what, why } of facts.unseen) {
    lines.push(colours.yellow(`? ${what} could not be read: ${printable(why, TEXT_CHARACTERS)}`));
  }
  if (facts.failed?.isListWhole === false) {
    const more = 'npx lamplighter list --failed --limit 1000 reads more';
    lines.push(colours.yellow(`? failed jobs: only the latest receipts were read; ${more}`));
  }
  for (const { name, what, advice } of found) {
    lines.push(`${colours.red('✗')} ${colours.bold(name)}: ${printableLines(what)}`);
    lines.push(`  → ${printable(advice, TEXT_CHARACTERS)} (docs/OPERATIONS.md#${name})`);
  }
  if (found.length === 0 && facts.unseen.length === 0) lines.push(colours.green('✓ All is well.'));
  return lines;
}

/** Keeps the line breaks of our own texts. */
function printableLines(text: string): string {
  return text
    .split('\n')
    .map((each) => printable(each, TEXT_CHARACTERS))
    .join('\n');
}

function instanceText({ instance }: Facts): string {
  if (instance === undefined) return 'could not be read';
  return instance === 'gone' ? 'is gone' : `is ${instance.state}`;
}

function agentText({ agent }: Facts, now: number): string {
  if (agent === undefined) return 'could not be read';
  if (agent === 'never') return 'has never reported';
  return `${agent.pingStatus}${agent.lastPing ? `, last heard ${ago(agent.lastPing, now)}` : ''}`;
}

function gateText({ gate }: Facts, now: number): string {
  if (gate === undefined) return 'could not be read';
  if (gate.trouble !== undefined) return 'unreadable';
  if (!gate.gate) return 'never opened';
  const { state, since, fruitless } = gate.gate;
  return `${state} for ${age(since, now)}${withoutWork(fruitless)}`;
}

function drainText({ lastDrain }: Facts, now: number): string {
  if (lastDrain === undefined) return 'could not be read';
  if (lastDrain === 'none') return 'none';
  const { commandId, status, requestedAt } = lastDrain;
  return `${status}, command ${commandId}${requestedAt ? `, sent ${ago(requestedAt, now)}` : ''}`;
}

function sweepText({ lastSweep }: Facts, now: number): string {
  if (lastSweep === undefined) return 'could not be read';
  return lastSweep === 'never' ? 'none yet' : ago(lastSweep, now);
}

function modelsText({ models, manifest }: Facts): string {
  if (models === undefined) return 'could not be compared';
  if (models === 'unknown') {
    const names = manifest.models.map(({ name }) => name).join(', ');
    return `${names}; not compared: the pipeline is not in this checkout's settings`;
  }
  return models
    .map(({ name, is }) => `${name}: ${is === 'same' ? "as in this checkout's folder" : is}`)
    .join(', ');
}

function uploadsText({ uploads }: Facts): string {
  if (!uploads) return 'could not be read';
  const { looked, isWhole } = uploads;
  const old = `older than ${EVENT_GRACE_MS / 60_000} min`;
  if (looked === 0) return `none ${old}, nothing to compare`;
  return `${isWhole ? '' : 'the first '}${looked} ${old}, compared with receipts and open jobs`;
}

function openText({ open }: Facts): string {
  if (!open) return 'could not be read';
  if (open.count === 0) return 'no job';
  return `${open.count}${open.isCountWhole ? '' : ' or more'}${open.count > JOBS_SHOWN ? '; the oldest:' : ''}`;
}
