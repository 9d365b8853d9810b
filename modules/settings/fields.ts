import { z } from 'zod';

/** A whole number with a default. A wrong value's message and the documents name the same limits. */
export function wholeNumber(min: number, max: number, byDefault: number) {
  return z.int().min(min).max(max).default(byDefault).describe(`a whole number from ${min} to ${max}`);
}

/** A switch with a default. */
export function flag(byDefault: boolean) {
  return z.boolean().default(byDefault).describe('true or false');
}

/** A text that may be absent. `allowed` is in a wrong value's message. */
export function optionalText(pattern: RegExp, allowed: string) {
  return z.string().regex(pattern).optional().describe(allowed);
}

export const regionName = z.string().regex(/^[a-z]{2}(-[a-z]+){1,2}-\d$/);
