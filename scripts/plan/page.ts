import { type PipelinePrice, type PriceLine, ASSUMED, sumOf } from '../prices/pipeline-price';
import { usd } from '../prices/prices';
import type { Change, ChangeKind } from './changes';
import type { Difference } from './differences';
import type { Finding } from './finding';
import type { Statement } from './policies';
import type { PolicyChange, StatementChange } from './policy-changes';
import { type Review, isEmpty } from './review';

/** The kind of a line: added, removed, changed, needs attention, plain. */
type Sign = '+' | '-' | '~' | '!' | ' ';

export interface Line {
  readonly sign: Sign;
  /** Indentation, in steps. */
  readonly depth: number;
  readonly text: string;
}

/** A review as a page: a title, a summary and sections, the most urgent first. */
export interface Page {
  readonly title: string;
  readonly summary: string;
  readonly sections: readonly { readonly title: string; readonly lines: readonly Line[] }[];
}

/** @param cloud the cloud's name for people: `AWS` or `the local cloud` */
export function pageOf(review: Review, refusals: readonly string[], cloud: string): Page {
  const { changes } = review;
  const ofKind = (kind: ChangeKind) => changes.filter((change) => change.kind === kind);
  const outputs = review.outputs.length === 0 ? [] : [line('~', 0, review.outputs.join(', '))];
  const sections = [
    { title: 'Refused', lines: refusals.map((text) => line('!', 0, text)) },
    { title: 'No longer found', lines: vanishedLines(review) },
    { title: 'Destroyed', lines: typeLines('-', ofKind('destroy')) },
    { title: 'Replaced', lines: ofKind('replace').flatMap((change) => changeLines(change, review)) },
    { title: 'Changed', lines: ofKind('update').flatMap((change) => changeLines(change, review)) },
    { title: 'Created', lines: typeLines('+', ofKind('create')) },
    { title: 'No longer managed by Terraform, but not destroyed', lines: typeLines('-', ofKind('forget')) },
    { title: 'Outputs that change', lines: outputs },
    { title: 'Permissions', lines: review.policies.flatMap(policyLines) },
    { title: 'Findings', lines: findingLines(review.findings) },
    { title: 'Price', lines: priceLines(review) },
  ];
  return {
    title: `Plan of ${review.pipeline} in ${review.region} on ${cloud} (Terraform ${review.terraformVersion})`,
    summary: summaryOf(review),
    sections: sections.filter(({ lines }) => lines.length > 0),
  };
}

function summaryOf(review: Review): string {
  if (isEmpty(review)) return 'No changes: the deployed pipeline is as the project describes.';
  const count = (kind: ChangeKind) => review.changes.filter((change) => change.kind === kind).length;
  const made = `${count('create')} to create, ${count('update')} to change`;
  return `${made}, ${count('replace')} to replace, ${count('destroy')} to destroy.`;
}

const line = (sign: Sign, depth: number, text: string): Line => ({ sign, depth, text });

function vanishedLines({ vanished: addresses }: Review): Line[] {
  if (addresses.length === 0) return [];
  const why =
    'Deleted outside Terraform. Or the region has changed: then all this still exists in the old region and costs money.';
  return [line('!', 0, why), ...byType(addresses).map((text) => line('!', 1, text))];
}

/** One line per type of resource. */
function typeLines(sign: Sign, changes: readonly Change[]): Line[] {
  return byType(changes.map(({ address }) => address)).map((text) => line(sign, 0, text));
}

function byType(addresses: readonly string[]): string[] {
  const types = new Map<string, string[]>();
  for (const address of [...addresses].sort()) {
    const type = address.slice(0, address.indexOf('.'));
    types.set(type, [...(types.get(type) ?? []), address]);
  }
  return [...types.values()].map((ofType) => ofType.join(', '));
}

/** Maximum number of differences shown of one resource. */
const SHOWN_DIFFERENCES = 40;

function changeLines(change: Change, review: Review): Line[] {
  const shown = change.differences.slice(0, SHOWN_DIFFERENCES).map(differenceLine);
  const more = change.differences.length - shown.length;
  const drift = change.hasDrifted ? ' (changed outside Terraform; this changes it back)' : '';
  const head = line('~', 0, `${change.address}${effectText(change, review)}${drift}`);
  return [head, ...shown, ...(more > 0 ? [line('~', 1, `and ${more} more`)] : [])];
}

/** The text that follows the address. Empty when the differences below it are enough. */
function effectText({ address, kind, differences, because }: Change, { policies }: Review): string {
  if (kind === 'replace') {
    const cause = because.length === 0 ? '' : `, because of ${because.join(', ')}`;
    return ` is destroyed and created again${cause}`;
  }
  if (differences.length > 0) return '';
  return policies.some((policy) => policy.address === address)
    ? ': its statements change, see below'
    : ': only resources that it refers to are created again';
}

function differenceLine({ path, before, after }: Difference): Line {
  if (before === undefined) return line('+', 1, `${path}: ${after ?? 'nothing'}`);
  if (after === undefined) return line('-', 1, `${path}: ${before}`);
  return line('~', 1, `${path}: ${before} → ${after}`);
}

function policyLines({ address, subject, statements }: PolicyChange): Line[] {
  return [
    line(signOf(statements), 0, `${address}${subject === undefined ? '' : ` (${subject})`}`),
    ...statements.flatMap(statementLines),
  ];
}

function signOf(statements: readonly StatementChange[]): Sign {
  if (statements.every(({ kind }) => kind === 'added')) return '+';
  return statements.every(({ kind }) => kind === 'removed') ? '-' : '~';
}

/** Shortens the 64 question marks that stand for a job id in the pattern of a receipt's key. */
const short = (text: string) => text.replace(/\?{8,}/g, ({ length }) => `(${length} characters)`);

function statementLines({ kind, statement, gains, loses }: StatementChange): Line[] {
  if (kind !== 'changed') return wholeStatement(kind === 'added' ? '+' : '-', statement);
  return [
    line('~', 1, `${statement.sid} (${statement.effect.toLowerCase()})`),
    ...gains.map((part) => line('+', 2, short(part))),
    ...loses.map((part) => line('-', 2, short(part))),
  ];
}

function wholeStatement(sign: Sign, statement: Statement): Line[] {
  const { sid, effect, actions, principals, resources, conditions } = statement;
  return [
    ...wrapped(sign, 1, `${sid}: ${effect.toLowerCase()} `, actions),
    ...wrapped(sign, 2, 'by ', principals),
    ...wrapped(sign, 2, 'on ', resources.map(short)),
    ...conditions.map((condition) => line(sign, 2, `only if ${condition}`)),
  ];
}

/** Maximum width of a wrapped line, in characters. */
const WIDTH = 100;

/** Breaks a list of words into lines that fit on a screen. */
function wrapped(sign: Sign, depth: number, before: string, words: readonly string[]): Line[] {
  const texts: string[] = [];
  let text = before;
  words.forEach((word, index) => {
    const next = index < words.length - 1 ? `${word}, ` : word;
    if (text.length + next.length > WIDTH && text !== before) {
      texts.push(text.trimEnd());
      text = ' '.repeat(2);
    }
    text += next;
  });
  return words.length === 0 ? [] : [...texts, text].map((part) => line(sign, depth, part));
}

function findingLines(findings: readonly Finding[]): Line[] {
  if (findings.length === 0) return [line(' ', 0, 'none')];
  const sorted = [...findings].sort((a, b) => Number(b.isNew) - Number(a.isNew));
  return sorted.map(({ rule, address, text, isNew }) =>
    line('!', 0, `${rule}: ${address} ${text}${isNew ? ' (new)' : ''}`),
  );
}

function priceLines({ price: { before, after, asOf, s3GibMonth }, region }: Review): Line[] {
  const loneJob = `a job of ${ASSUMED.jobModelMinutes} min that wakes the machine for itself`;
  const source =
    s3GibMonth === undefined
      ? `${region} is not in the price table (scripts/prices/prices.json, ${asOf})`
      : `List prices of ${asOf}, without free tier and tax; S3 charges ${usd(s3GibMonth)} more per GiB and month`;
  return [
    ...priceLinesOf('at rest, a month', (price) => price.atRest, before, after),
    ...priceLinesOf(loneJob, (price) => price.perJob, before, after),
    line(' ', 0, source),
  ];
}

function priceLinesOf(
  what: string,
  part: (price: PipelinePrice) => readonly PriceLine[],
  before: PipelinePrice | undefined,
  after: PipelinePrice | undefined,
): Line[] {
  const total = (price: PipelinePrice | undefined) => usd(price === undefined ? 0 : sumOf(part(price)));
  const [totalBefore, totalAfter] = [total(before), total(after)];
  return [
    totalBefore === totalAfter
      ? line(' ', 0, `${what}: ${totalAfter}`)
      : line('~', 0, `${what}: ${totalBefore} → ${totalAfter}`),
    ...(after === undefined ? [] : part(after)).map((item) => line(' ', 1, `${item.what}: ${usd(item.usd)}`)),
  ];
}
