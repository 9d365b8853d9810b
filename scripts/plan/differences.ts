import { isDeepStrictEqual } from 'node:util';

/** One argument that changes, for people. Undefined: no value. */
export interface Difference {
  /** `environment.variables.LAMPLIGHTER_MODELS[0].digest` */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Terraform's masks. `true` marks a value together with everything in it. */
interface Masks {
  readonly unknown: unknown;
  readonly beforeSensitive: unknown;
  readonly afterSensitive: unknown;
}

export const UNKNOWN = '(known after the apply)';
const SENSITIVE = '(sensitive)';

/**
 * The differences between two values, down to single arguments. JSON in a string is parsed. Lists of words, and texts of
 * several lines, are compared as sets. Sensitive values are never shown.
 */
export function differences(before: unknown, after: unknown, masks: Masks): Difference[] {
  return [...walk('', before, after, masks)];
}

function* walk(path: string, before: unknown, after: unknown, masks: Masks): Generator<Difference> {
  if (masks.beforeSensitive === true || masks.afterSensitive === true) {
    if (masks.unknown === true || !isDeepStrictEqual(before, after)) {
      yield { path, before: SENSITIVE, after: `${SENSITIVE}, changed` };
    }
    return;
  }
  if (masks.unknown === true) {
    yield { path, before: textOf(before), after: UNKNOWN };
    return;
  }
  if (isEmpty(before) && isEmpty(after) && !isMask(masks.unknown)) return;
  if (isDeepStrictEqual(before, after) && !isMask(masks.unknown)) return;

  const [left, right] = [parsed(before), parsed(after)];
  // Terraform masks a string as a whole, not the JSON in it.
  const inner = typeof before === 'string' || typeof after === 'string' ? NO_MASKS : masks;
  if (isWords(left) && isWords(right)) yield* asSets(path, left, right);
  else if (Array.isArray(left) && Array.isArray(right)) {
    const { length } = left.length > right.length ? left : right;
    for (let index = 0; index < length; index += 1) {
      yield* walk(`${path}[${index}]`, left[index], right[index], masksAt(inner, index));
    }
  } else if (isRecord(left) && isRecord(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right), ...keysOf(inner.unknown)]);
    for (const key of [...keys].sort()) {
      yield* walk(path === '' ? key : `${path}.${key}`, left[key], right[key], masksAt(inner, key));
    }
  } else if (typeof left === 'string' && typeof right === 'string' && isText(left, right)) {
    yield* asSets(path, left.split('\n'), right.split('\n'));
  } else {
    yield { path, ...shortened(textOf(left), textOf(right)) };
  }
}

const NO_MASKS: Masks = { unknown: false, beforeSensitive: false, afterSensitive: false };

function masksAt(masks: Masks, key: string | number): Masks {
  const at = (mask: unknown): unknown =>
    typeof mask === 'object' && mask !== null ? (mask as Record<string | number, unknown>)[key] : mask;
  return {
    unknown: at(masks.unknown),
    beforeSensitive: at(masks.beforeSensitive),
    afterSensitive: at(masks.afterSensitive),
  };
}

/** Whether a mask marks anything. */
export function isMask(mask: unknown): boolean {
  if (typeof mask !== 'object' || mask === null) return mask === true;
  return Object.values(mask).some(isMask);
}

const keysOf = (mask: unknown): string[] =>
  typeof mask === 'object' && mask !== null && !Array.isArray(mask) ? Object.keys(mask) : [];

/** Terraform writes a missing value as null, as empty or not at all. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === '';
}

/** The parsed JSON of a string. Any other value is returned as it is. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isWords = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((word) => typeof word === 'string' && !word.includes('\n'));

const isText = (...texts: string[]) => texts.some((text) => text.includes('\n'));

/** Only the entries that are added or removed. */
function* asSets(path: string, before: readonly string[], after: readonly string[]): Generator<Difference> {
  const removed = without(before, after);
  const added = without(after, before);
  if (removed.length + added.length === 0) yield { path, before: 'this order', after: 'another order' };
  for (const line of removed) yield { path, before: textOf(line), after: undefined };
  for (const line of added) yield { path, before: undefined, after: textOf(line) };
}

/** The entries that are not among the others. A repeated entry must be repeated there too. */
function without(entries: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return entries.filter((entry) => {
    const index = left.indexOf(entry);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function textOf(value: unknown): string | undefined {
  return isEmpty(value) ? undefined : JSON.stringify(value).replace(DIGEST, '$1…');
}

/** A SHA-256 digest in hex. Its first 12 characters are enough for people. */
const DIGEST = /\b([0-9a-f]{12})[0-9a-f]{52}\b/g;

/** Maximum length of a value on the page. */
const MAX_CHARACTERS = 120;
/** Equal characters shown before the first difference. */
const CONTEXT_CHARACTERS = 24;

/** Long texts begin shortly before their first difference. */
function shortened(before: string | undefined, after: string | undefined): Omit<Difference, 'path'> {
  let common = 0;
  if (before !== undefined && after !== undefined && Math.max(before.length, after.length) > MAX_CHARACTERS) {
    while (common < before.length && before[common] === after[common]) common += 1;
  }
  const from = Math.max(0, common - CONTEXT_CHARACTERS);
  const short = (text: string | undefined) => {
    if (text === undefined) return undefined;
    const rest = `${from > 0 ? '…' : ''}${text.slice(from)}`;
    return rest.length <= MAX_CHARACTERS ? rest : `${rest.slice(0, MAX_CHARACTERS - 1)}…`;
  };
  return { before: short(before), after: short(after) };
}
