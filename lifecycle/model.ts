import * as z from 'zod';
import type { Upload } from './job';

const DEFAULT_MAX_ATTEMPTS = 2;
const DEFAULT_MAX_INTERRUPTIONS = 20;

/** `model.json`, the card of a model folder. The schema rejects unknown keys, to catch typing errors. */
export const modelCardSchema = z.strictObject({
  /** Lower-case letters, digits and hyphens, 2 to 40 characters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, 'lower-case letters, digits and hyphens, 2 to 40 of them'),
  description: z.string().max(500).optional(),
  takes: z
    .strictObject({
      /** The model accepts keys that begin with this. The longest prefix of all models wins. @default "" (every key) */
      prefix: z.string().max(512).default(''),
      /** The model accepts only keys that end with one of these, in upper or lower case. @default [] (any ending) */
      suffixes: z.array(z.string().min(1).max(64)).max(32).default([]),
    })
    .prefault({}),
  /** Minutes after which the drain kills the model's process group and the attempt fails. At most a day. @default 20 */
  timeLimitMinutes: z.number().positive().max(1440).default(20),
  /** Maximum attempts that the model itself ended (exit code, signal, time limit). @default 2 */
  maxAttempts: z.int().min(1).max(10).default(DEFAULT_MAX_ATTEMPTS),
  /** Maximum attempts in a row that the machine or the drain ended. Trouble of S3 or the network does not count. @default 20 */
  maxInterruptions: z.int().min(1).max(100).default(DEFAULT_MAX_INTERRUPTIONS),
  /** Maximum jobs of this model that run in parallel. @default 1 */
  parallelJobs: z.int().min(1).max(64).default(1),
  /** Whether a run that failed by itself (exit code not 0, time limit) is retried. @default false */
  retryOnFailure: z.boolean().default(false),
});

export type ModelCard = z.infer<typeof modelCardSchema>;

/** The version of a model that `admit` pins in an open record. */
export const modelRefSchema = z.object({
  name: z.string().min(1),
  /** Hex SHA-256 of the folder's contents. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** The key of the folder's zip in the control bucket. The version stays readable after a later deploy uploads another. */
  zipKey: z.string().min(1),
  zipVersionId: z.string().min(1),
});

export type ModelRef = z.infer<typeof modelRefSchema>;

export const deployedModelSchema = modelRefSchema.extend({
  prefix: z.string(),
  suffixes: z.array(z.string()),
  /** The bounds of the model's card, which `admit` pins. Absent: the card's default. */
  maxAttempts: z.int().optional(),
  maxInterruptions: z.int().optional(),
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
