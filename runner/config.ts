import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { InvalidInputError, messageOf } from '../lifecycle/errors';
import { parseRecord } from '../lifecycle/records';

/** `config.json` in the runner's root folder. The first step of the SSM document writes the file. */
const configSchema = z.object({
  version: z.literal(1),
  pipeline: z.string().check(z.minLength(1)),
  region: z.string().check(z.minLength(1)),
  dataBucket: z.string().check(z.minLength(1)),
  outputBucket: z.string().check(z.minLength(1)),
  controlBucket: z.string().check(z.minLength(1)),
  leaseSeconds: z.number().check(z.positive()),
  /** Absent in the document of the first release, whose stop function lingered. */
  lingerSeconds: z._default(z.number().check(z.minimum(0)), 0),
  idleShutdownMinutes: z.number().check(z.positive()),
});

export type RunnerConfig = z.infer<typeof configSchema>;

/** Throws InvalidInputError with the file's name if the file cannot be read or is not a configuration. */
export async function readConfig(file: string): Promise<RunnerConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new InvalidInputError(
      `the runner's configuration cannot be read: ${messageOf(cause)}. The drain document's first step writes it: run the document again.`,
      { cause },
    );
  }
  return parseRecord(configSchema, file, text);
}
