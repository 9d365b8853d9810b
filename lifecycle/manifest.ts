import * as z from 'zod';
import { deployedModelSchema } from './model';

/** The names of a pipeline's parts: the value of the SSM parameter `/lamplighter/<pipeline>/manifest`. */
export const manifestSchema = z.strictObject({
  version: z.literal(1),
  pipeline: z.string().min(1),
  region: z.string().min(1),
  dataBucket: z.string().min(1),
  outputBucket: z.string().min(1),
  controlBucket: z.string().min(1),
  instanceId: z.string().min(1),
  functions: z.strictObject({ trigger: z.string(), worker: z.string(), stop: z.string() }),
  document: z.string().min(1),
  /** The queue of events that a function could not handle in any attempt. */
  failuresQueue: z.string().min(1),
  drainLogGroup: z.string().min(1),
  sweepMinutes: z.int().positive(),
  stopTimeLimitSeconds: z.int().positive(),
  lingerSeconds: z.int().min(0),
  breakerWakeUps: z.int().positive(),
  models: z.array(deployedModelSchema),
});

export type Manifest = z.infer<typeof manifestSchema>;

export const MANIFEST_PATH = '/lamplighter/';

export function manifestParameterName(pipeline: string): string {
  return `${MANIFEST_PATH}${pipeline}/manifest`;
}
