import { type PipelinePrice, type PriceLine, ASSUMED, sumOf } from '../prices/pipeline-price';
import { usd } from '../prices/prices';
import type { Change, ChangeKind } from './changes';
import type { Finding } from './findings';
import type { Statement } from './policies';
import type { PolicyChange, StatementChange } from './policy-changes';
import { type Review, isEmpty } from './review';

/** What a line is: something comes, goes, becomes another, deserves attention, or is just said. */
export type Sign = '+' | '-' | '~' | '!' | ' ';

export interface Line {
  readonly sign: Sign;
  /** Steps to the right. */
  readonly depth: number;
  readonly text: string;
}

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** A review as a page: a title, what it comes to, and sections, the most urgent first. */
export interface Page {
  readonly title: string;
  readonly summary: string;
  readonly sections: readonly Section[];
}

/** @param cloud for people: `AWS` or `the local cloud` */
export function pageOf(review: Review, refusals: readonly string[], cloud: string): Page {
  const { changes } = review;
  const of = (kind: ChangeKind) => changes.filter((change) => change.kind === kind);
  const sections: Section[] = [
    { title: 'Refused', lines: refusals.map((text) => line('!', 0, text)) },
    { title: 'Not found any more', lines: vanished(review) },
    { title: 'Destroyed', lines: grouped('-', of('destroy')) },
    { title: 'Replaced', lines: of('replace').flatMap((change) => compared(change, review)) },
    { title: 'Changed', lines: of('update').flatMap((change) => compared(change, review)) },
    { title: 'Created', lines: grouped('+', of('create')) },
    { title: 'No longer kept by Terraform, but left', lines: grouped('-', of('forget')) },
    {
      title: 'Outputs that change',
      lines: review.outputs.length === 0 ? [] : [line('~', 0, review.outputs.join(', '))],
    },
    { title: 'Who may do what', lines: review.policies.flatMap(policyLines) },
    { title: 'Findings', lines: findingLines(review.findings) },
    { title: 'Price', lines: priceLines(review) },
  ];
  return {
    title: `Plan of ${review.pipeline} in ${review.region} on ${cloud} (Terraform ${review.terraformVersion})`,
    summary: isEmpty(review)
      ? 'No changes: what is deployed is what the project says.'
      : `${of('create').length} to create, ${of('update').length} to change, ${of('replace').length} to replace, ${of('destroy').length} to destroy.`,
    sections: sections.filter(({ lines }) => lines.length > 0),
  };
}

const line = (sign: Sign, depth: number, text: string): Line => ({ sign, depth, text });

function vanished({ vanished: addresses }: Review): Line[] {
  if (addresses.length === 0) return [];
  const why =
    'Deleted by somebody else, or the region is another now: then all this lives on where it was, and costs.';
  return [line('!', 0, why), ...byType(addresses).map((text) => line('!', 1, text))];
}

/** One line a type. */
function grouped(sign: Sign, changes: readonly Change[]): Line[] {
  return byType(changes.map(({ address }) => address)).map((text) => line(sign, 0, text));
}

function byType(addresses: readonly string[]): string[] {
  const types = new Map<string, string[]>();
  for (const address of [...addresses].sort()) {
    const type = address.slice(0, address.indexOf('.'));
    types.set(type, [...(types.get(type) ?? []), address]);
  }
  return [...types.values()].map((ones) => ones.join(', '));
}

const SHOWN_DIFFERENCES = 40;

function compared({ address, kind, differences, because, hasDrifted }: Change, review: Review): Line[] {
  const why = because.length === 0 ? '' : `, because of ${because.join(', ')}`;
  const statements = review.policies.some((policy) => policy.address === address);
  const silent =
    differences.length > 0 || kind === 'replace'
      ? ''
      : `: ${statements ? 'its statements, see below' : 'only what it refers to is made anew'}`;
  const drift = hasDrifted ? ' (somebody has changed it outside Terraform; this puts it back)' : '';
  const lines = differences.slice(0, SHOWN_DIFFERENCES).flatMap(({ path, before, after }): Line[] => {
    if (before === undefined) return [line('+', 1, `${path}: ${after ?? 'nothing'}`)];
    if (after === undefined) return [line('-', 1, `${path}: ${before}`)];
    return [line('~', 1, `${path}: ${before} → ${after}`)];
  });
  const more = differences.length - lines.length;
  return [
    line('~', 0, `${address}${kind === 'replace' ? ` is destroyed and made anew${why}` : silent}${drift}`),
    ...lines,
    ...(more > 0 ? [line('~', 1, `and ${more} more`)] : []),
  ];
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

/** A pattern for 64 characters, as in the key of a receipt, is no pleasure to read. */
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

const WIDTH = 100;

/** Words in lines that fit on a screen. */
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
  return words.length === 0 ? [] : [...texts, text].map((one) => line(sign, depth, one));
}

function findingLines(findings: readonly Finding[]): Line[] {
  if (findings.length === 0) return [line(' ', 0, 'none')];
  const sorted = [...findings].sort((a, b) => Number(b.isNew) - Number(a.isNew));
  return sorted.map(({ rule, address, text, isNew }) =>
    line('!', 0, `${rule}: ${address} ${text}${isNew ? ' (new)' : ''}`),
  );
}

function priceLines({ price: { before, after, asOf, s3GibMonth }, region }: Review): Line[] {
  return [
    ...pricePart('at rest, a month', (price) => price.atRest, before, after),
    ...pricePart(
      `a job of ${ASSUMED.jobModelMinutes} min that wakes the machine for itself`,
      (price) => price.perJob,
      before,
      after,
    ),
    line(
      ' ',
      0,
      s3GibMonth === undefined
        ? `${region} is not in the price table (scripts/prices/prices.json, ${asOf})`
        : `List prices of ${asOf}, without free tier and tax; S3 takes ${usd(s3GibMonth)} more for each GiB kept a month`,
    ),
  ];
}

function pricePart(
  what: string,
  part: (price: PipelinePrice) => readonly PriceLine[],
  before: PipelinePrice | undefined,
  after: PipelinePrice | undefined,
): Line[] {
  const total = (price: PipelinePrice | undefined) => usd(price === undefined ? 0 : sumOf(part(price)));
  const [was, is] = [total(before), total(after)];
  return [
    line(was === is ? ' ' : '~', 0, `${what}: ${was === is ? is : `${was} → ${is}`}`),
    ...(after === undefined ? [] : part(after)).map((one) => line(' ', 1, `${one.what}: ${usd(one.usd)}`)),
  ];
}
