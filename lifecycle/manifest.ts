import * as z from 'zod/mini';
import './english';
import { deployedModelSchema } from './model';

/** The names of a pipeline's parts: the value of the SSM parameter `/lamplighter/<pipeline>/manifest`. */
export const manifestSchema = z.strictObject({
  version: z.literal(1),
  pipeline: z.string().check(z.minLength(1)),
  region: z.string().check(z.minLength(1)),
  dataBucket: z.string().check(z.minLength(1)),
  outputBucket: z.string().check(z.minLength(1)),
  controlBucket: z.string().check(z.minLength(1)),
  instanceId: z.string().check(z.minLength(1)),
  functions: z.strictObject({ trigger: z.string(), worker: z.string(), stop: z.string() }),
  document: z.string().check(z.minLength(1)),
  /** The queue of events that a function could not handle in any attempt. */
  failuresQueue: z.string().check(z.minLength(1)),
  drainLogGroup: z.string().check(z.minLength(1)),
  sweepMinutes: z.int().check(z.positive()),
  stopTimeLimitSeconds: z.int().check(z.positive()),
  lingerSeconds: z.int().check(z.minimum(0)),
  breakerWakeUps: z.int().check(z.positive()),
  models: z.array(deployedModelSchema),
});

export type Manifest = z.infer<typeof manifestSchema>;

export const MANIFEST_PATH = '/lamplighter/';

export function manifestParameterName(pipeline: string): string {
  return `${MANIFEST_PATH}${pipeline}/manifest`;
}
