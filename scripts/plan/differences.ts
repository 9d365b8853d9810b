import { isDeepStrictEqual } from 'node:util';

/** One argument of a resource that becomes another, as a person reads it. Undefined: there is none. */
export interface Difference {
  /** `environment.variables.LAMPLIGHTER_MODELS[0].digest` */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Terraform's masks: `true` stands for everything from there on down. */
interface Masks {
  readonly unknown: unknown;
  readonly beforeSensitive: unknown;
  readonly afterSensitive: unknown;
}

export const UNKNOWN = '(known after the apply)';
const SENSITIVE = '(sensitive)';

/**
 * What differs between two values, down to the single argument: JSON in a string is looked into, lists of words and texts of
 * many lines are compared as sets. Sensitive values are never shown.
 */
export function differences(before: unknown, after: unknown, masks: Masks): Difference[] {
  return [...walk('', before, after, masks)];
}

function* walk(path: string, before: unknown, after: unknown, masks: Masks): Generator<Difference> {
  if (masks.beforeSensitive === true || masks.afterSensitive === true) {
    if (masks.unknown === true || !isDeepStrictEqual(before, after)) {
      yield { path, before: SENSITIVE, after: `${SENSITIVE}, another` };
    }
    return;
  }
  if (masks.unknown === true) {
    yield { path, before: textOf(before), after: UNKNOWN };
    return;
  }
  if (isNothing(before) && isNothing(after) && !isMask(masks.unknown)) return;
  if (isDeepStrictEqual(before, after) && !isMask(masks.unknown)) return;

  const [left, right] = [structureOf(before), structureOf(after)];
  // What is in a string is known or unknown as a whole.
  const below = typeof before === 'string' || typeof after === 'string' ? KNOWN : masks;
  if (isWords(left) && isWords(right)) yield* asSets(path, left, right);
  else if (Array.isArray(left) && Array.isArray(right)) {
    const { length } = left.length > right.length ? left : right;
    for (let index = 0; index < length; index += 1) {
      yield* walk(`${path}[${index}]`, left[index], right[index], at(below, index));
    }
  } else if (isRecord(left) && isRecord(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right), ...keysOf(below.unknown)]);
    for (const key of [...keys].sort()) {
      yield* walk(path === '' ? key : `${path}.${key}`, left[key], right[key], at(below, key));
    }
  } else if (typeof left === 'string' && typeof right === 'string' && isText(left, right)) {
    yield* asSets(path, left.split('\n'), right.split('\n'));
  } else {
    yield { path, ...shortened(textOf(left), textOf(right)) };
  }
}

const KNOWN: Masks = { unknown: false, beforeSensitive: false, afterSensitive: false };

function at(masks: Masks, key: string | number): Masks {
  const one = (mask: unknown): unknown =>
    typeof mask === 'object' && mask !== null ? (mask as Record<string | number, unknown>)[key] : mask;
  return {
    unknown: one(masks.unknown),
    beforeSensitive: one(masks.beforeSensitive),
    afterSensitive: one(masks.afterSensitive),
  };
}

/** Whether anything below is masked. */
export function isMask(mask: unknown): boolean {
  if (typeof mask !== 'object' || mask === null) return mask === true;
  return Object.values(mask).some(isMask);
}

const keysOf = (mask: unknown): string[] =>
  typeof mask === 'object' && mask !== null && !Array.isArray(mask) ? Object.keys(mask) : [];

/** Terraform writes what is not there as null, as empty or not at all. */
function isNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === '';
}

/** JSON in a string as what it says; everything else as it is. */
function structureOf(value: unknown): unknown {
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
  value.every((one) => typeof one === 'string' && !one.includes('\n'));

const isText = (...texts: string[]) => texts.some((text) => text.includes('\n'));

/** Of a long text only the lines that come or go. */
function* asSets(path: string, before: readonly string[], after: readonly string[]): Generator<Difference> {
  const gone = without(before, after);
  const come = without(after, before);
  if (gone.length + come.length === 0) yield { path, before: 'this order', after: 'another order' };
  for (const line of gone) yield { path, before: textOf(line), after: undefined };
  for (const line of come) yield { path, before: undefined, after: textOf(line) };
}

/** Each entry counts as often as it stands there. */
function without(entries: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return entries.filter((entry) => {
    const index = left.indexOf(entry);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function textOf(value: unknown): string | undefined {
  return isNothing(value) ? undefined : JSON.stringify(value).replace(DIGEST, '$1…');
}

/** Hex SHA-256: its beginning says as much to a person. */
const DIGEST = /\b([0-9a-f]{12})[0-9a-f]{52}\b/g;

const MAX_CHARACTERS = 120;
const CONTEXT_CHARACTERS = 24;

/** Long texts from shortly before the place where they part. */
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
