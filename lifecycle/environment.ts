import * as z from 'zod/mini';
import './english';
import { InvalidInputError } from './errors';
import { deployedModelSchema } from './model';

const text = z.string().check(z.trim(), z.minLength(1, 'must not be blank'));
const count = z.pipe(
  z.string().check(z.regex(/^[1-9]\d*$/, 'must be a whole number above 0')),
  z.transform(Number),
);
const wholeNumber = z.pipe(
  z.string().check(z.regex(/^\d+$/, 'must be a whole number, 0 or more')),
  z.transform(Number),
);
const modelList = z.array(deployedModelSchema).check(z.minLength(1));
const models = z.pipe(
  z.string(),
  z.transform((value: string, context) => {
    try {
      return modelList.parse(JSON.parse(value));
    } catch (error) {
      context.issues.push({
        code: 'custom',
        input: value,
        message: `must be a JSON list of models: ${String(error)}`,
      });
      return z.NEVER;
    }
  }),
);

const ledger = {
  LAMPLIGHTER_PIPELINE: text,
  LAMPLIGHTER_DATA_BUCKET: text,
  LAMPLIGHTER_OUTPUT_BUCKET: text,
  LAMPLIGHTER_CONTROL_BUCKET: text,
  LAMPLIGHTER_INSTANCE_ID: text,
  LAMPLIGHTER_WORKER_FUNCTION: text,
  LAMPLIGHTER_MODELS: models,
  /** Set if no tag of the instance shows the phase. */
  LAMPLIGHTER_PHASE_TAG: z.optional(z.literal('off')),
};

export const triggerEnvironmentSchema = z.object(ledger);

export const workerEnvironmentSchema = z.object({
  LAMPLIGHTER_PIPELINE: text,
  LAMPLIGHTER_INSTANCE_ID: text,
  LAMPLIGHTER_DOCUMENT: text,
  /** The log group that receives the drain's output. */
  LAMPLIGHTER_DRAIN_LOG_GROUP: text,
  /** The function's own time limit. */
  LAMPLIGHTER_TIME_LIMIT_SECONDS: count,
});

export const stopEnvironmentSchema = z.object({
  ...ledger,
  LAMPLIGHTER_TIME_LIMIT_SECONDS: count,
  LAMPLIGHTER_BREAKER_WAKE_UPS: count,
  LAMPLIGHTER_LINGER_SECONDS: wholeNumber,
  /** Set for a spot instance, which EC2 may restart by itself. */
  LAMPLIGHTER_SPOT: z.optional(z.literal('true')),
  /** Whether the function writes metrics. CloudWatch charges for them. */
  LAMPLIGHTER_METRICS: z.enum(['on', 'off']),
});

export type TriggerEnvironment = z.infer<typeof triggerEnvironmentSchema>;

/**
 * Returns the environment variables that the schema names, checked and frozen. Throws InvalidInputError that names every
 * missing, blank or malformed variable. The error does not show the values of other variables.
 */
export function parseEnvironment<T extends object>(
  schema: z.core.$ZodType<T>,
  variables: Readonly<Record<string, string | undefined>>,
): Readonly<T> {
  const parsed = z.safeParse(schema, variables);
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) => {
    const name = path.join('.');
    return `${name}: ${variables[name] === undefined ? 'is missing' : message}`;
  });
  throw new InvalidInputError(
    `the function's environment is incomplete; deploy again to set it. ${problems.join('; ')}`,
    { cause: parsed.error },
  );
}
