import * as z from 'zod/mini';
import './english';
import type { Upload } from './job';

const DEFAULT_MAX_ATTEMPTS = 2;
const DEFAULT_MAX_INTERRUPTIONS = 20;

/** `model.json`, the card of a model folder. The schema rejects unknown keys, to catch typing errors. */
export const modelCardSchema = z.strictObject({
  /** Lower-case letters, digits and hyphens, 2 to 40 characters. */
  name: z
    .string()
    .check(
      z.regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, 'lower-case letters, digits and hyphens, 2 to 40 of them'),
    ),
  description: z.optional(z.string().check(z.maxLength(500))),
  takes: z.prefault(
    z.strictObject({
      /** The model accepts keys that begin with this. The longest prefix of all models wins. @default "" (every key) */
      prefix: z._default(z.string().check(z.maxLength(512)), ''),
      /** The model accepts only keys that end with one of these, in upper or lower case. @default [] (any ending) */
      suffixes: z._default(
        z.array(z.string().check(z.minLength(1), z.maxLength(64))).check(z.maxLength(32)),
        [],
      ),
    }),
    {},
  ),
  /** Minutes after which the drain kills the model's process group and the attempt fails. At most a day. @default 20 */
  timeLimitMinutes: z._default(z.number().check(z.positive(), z.maximum(1440)), 20),
  /** Maximum attempts that the model itself ended (exit code, signal, time limit). @default 2 */
  maxAttempts: z._default(z.int().check(z.minimum(1), z.maximum(10)), DEFAULT_MAX_ATTEMPTS),
  /** Maximum attempts in a row that the machine or the drain ended. Trouble of S3 or the network does not count. @default 20 */
  maxInterruptions: z._default(z.int().check(z.minimum(1), z.maximum(100)), DEFAULT_MAX_INTERRUPTIONS),
  /** Maximum jobs of this model that run in parallel. @default 1 */
  parallelJobs: z._default(z.int().check(z.minimum(1), z.maximum(64)), 1),
  /** Maximum memory of each program in MiB. @default all that the machine leaves to models */
  memoryMiB: z.optional(z.int().check(z.minimum(16))),
  /** Maximum processes and threads of each program at one time. @default 4096, or 128 for each processor if that is more */
  maxProcesses: z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
  /** What `run` can reach: the internet, or nothing. The setup can reach the internet. @default "internet" */
  network: z._default(z.enum(['internet', 'none']), 'internet'),
  /** Whether a run that failed by itself (exit code not 0, time limit) is retried. @default false */
  retryOnFailure: z._default(z.boolean(), false),
});

export type ModelCard = z.infer<typeof modelCardSchema>;

/** The version of a model that `admit` pins in an open record. */
export const modelRefSchema = z.object({
  name: z.string().check(z.minLength(1)),
  /** Hex SHA-256 of the folder's contents. */
  digest: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** The key of the folder's zip in the control bucket. The version stays readable after a later deploy uploads another. */
  zipKey: z.string().check(z.minLength(1)),
  zipVersionId: z.string().check(z.minLength(1)),
});

export type ModelRef = z.infer<typeof modelRefSchema>;

export const deployedModelSchema = z.extend(modelRefSchema, {
  prefix: z.string(),
  suffixes: z.array(z.string()),
  /** The bounds of the model's card, which `admit` pins. Absent: the card's default. */
  maxAttempts: z.optional(z.int()),
  maxInterruptions: z.optional(z.int()),
});

/** A deployed model and the keys that it accepts. */
export type DeployedModel = z.infer<typeof deployedModelSchema>;

/** The bounds of a card that differ from the defaults: a function's environment holds only 4 KB. */
export function boundsOf({
  maxAttempts,
  maxInterruptions,
}: ModelCard): Pick<DeployedModel, 'maxAttempts' | 'maxInterruptions'> {
  return {
    ...(maxAttempts !== DEFAULT_MAX_ATTEMPTS && { maxAttempts }),
    ...(maxInterruptions !== DEFAULT_MAX_INTERRUPTIONS && { maxInterruptions }),
  };
}

/** The model that accepts an upload, or undefined. No model accepts a folder marker (a key that ends in `/`). */
export function modelFor(
  { key }: Pick<Upload, 'key'>,
  models: readonly DeployedModel[],
): DeployedModel | undefined {
  if (key.endsWith('/')) return undefined;
  return models
    .filter((model) => accepts(model, key))
    .sort((a, b) => b.prefix.length - a.prefix.length)
    .at(0);
}

function accepts({ prefix, suffixes }: DeployedModel, key: string): boolean {
  if (!key.startsWith(prefix)) return false;
  const lowerCaseKey = key.toLowerCase();
  return suffixes.length === 0 || suffixes.some((suffix) => lowerCaseKey.endsWith(suffix.toLowerCase()));
}
