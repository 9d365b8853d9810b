import { InvalidInputError, messageOf } from '../../lifecycle/errors';

/** A record as it was read, or why it cannot be. */
export type ReadResult<T> = { readonly record: T } | { readonly trouble: string };

/** Reads a record of which people are to be told even when it is unreadable. Undefined: there is none. */
export async function readOrTrouble<T>(
  read: () => Promise<{ readonly record: T } | undefined>,
): Promise<ReadResult<T> | undefined> {
  try {
    const stored = await read();
    return stored && { record: stored.record };
  } catch (error) {
    if (error instanceof InvalidInputError) return { trouble: messageOf(error) };
    throw error;
  }
}
