import { z } from 'zod';
import type { Upload } from './job';

/** `model.json`, the card of a model folder. Unknown keys are refused, to catch typing errors. */
export const modelCardSchema = z.strictObject({
  /** Lower-case letters, digits and hyphens, 2 to 40 characters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/, 'lower-case letters, digits and hyphens, 2 to 40 of them'),
  description: z.string().max(500).optional(),
  takes: z
    .strictObject({
      /** Keys that begin with this are the model's; the longest prefix of all models wins. @default "" (every key) */
      prefix: z.string().max(512).default(''),
      /** … and end with one of these, in any case. @default [] (any ending) */
      suffixes: z.array(z.string().min(1).max(64)).max(32).default([]),
    })
    .prefault({}),
  /** After this the model's whole process group is killed and the attempt has failed. At most a day. @default 20 */
  timeLimitMinutes: z.number().positive().max(1440).default(20),
  /** How often a job may be begun, crashes of the machine included. @default 2 */
  maxAttempts: z.int().min(1).max(10).default(2),
  /** Jobs of this model that run side by side. @default 1 */
  parallelJobs: z.int().min(1).max(64).default(1),
  /** Whether a run that failed by itself (exit ≠ 0, time limit) is attempted again. @default false */
  retryOnFailure: z.boolean().default(false),
});

export type ModelCard = z.infer<typeof modelCardSchema>;

/** What admission needs to know of a model; pinned into each open record. */
export const modelRefSchema = z.strictObject({
  name: z.string().min(1),
  /** Hex SHA-256 of the folder's contents. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where the folder's zip is, in the control bucket; the version stays readable when a later deploy uploads another. */
  zipKey: z.string().min(1),
  zipVersionId: z.string().min(1),
});

export type ModelRef = z.infer<typeof modelRefSchema>;

export const takingModelSchema = modelRefSchema.extend({
  prefix: z.string(),
  suffixes: z.array(z.string()),
});

/** A deployed model together with the keys that it takes. */
export type TakingModel = z.infer<typeof takingModelSchema>;

/** The model that takes an upload, or undefined. Folder markers (keys that end in `/`) are nobody's. */
export function modelFor(
  { key }: Pick<Upload, 'key'>,
  models: readonly TakingModel[],
): TakingModel | undefined {
  if (key.endsWith('/')) return undefined;
  return models
    .filter((model) => takes(model, key))
    .sort((a, b) => b.prefix.length - a.prefix.length)
    .at(0);
}

function takes({ prefix, suffixes }: TakingModel, key: string): boolean {
  if (!key.startsWith(prefix)) return false;
  const ending = key.toLowerCase();
  return suffixes.length === 0 || suffixes.some((suffix) => ending.endsWith(suffix.toLowerCase()));
}
