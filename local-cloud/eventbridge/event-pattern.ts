import { LamplighterError } from '../../lifecycle/errors';

/**
 * Whether an event matches an EventBridge pattern. Supported: exact values, `prefix`, `suffix`, `anything-but` (of exact
 * values) and `exists`. Any other operator throws LamplighterError, because a silent mismatch would be hard to find.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export function matchesPattern(pattern: unknown, event: unknown): boolean {
  if (!isObject(pattern)) throw new LamplighterError('An event pattern must be a JSON object.');
  return Object.entries(pattern).every(([name, expected]) => {
    const actual = isObject(event) ? event[name] : undefined;
    if (!Array.isArray(expected)) return matchesPattern(expected, actual);
    const values: unknown[] = Array.isArray(actual) ? actual : [actual];
    return expected.some((test) => values.some((value) => matchesTest(test, value)));
  });
}

function matchesTest(test: unknown, value: unknown): boolean {
  if (!isObject(test)) return value === test;
  return Object.entries(test).every(([operator, operand]) => {
    switch (operator) {
      case 'prefix':
        return typeof value === 'string' && value.startsWith(String(operand));
      case 'suffix':
        return typeof value === 'string' && value.endsWith(String(operand));
      case 'exists':
        return (value !== undefined) === operand;
      case 'anything-but':
        if (isObject(operand)) break;
        return value !== undefined && ![operand].flat().includes(value);
    }
    throw new LamplighterError(
      `The local cloud does not support the operator ${JSON.stringify(test)} of an event pattern.`,
    );
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
