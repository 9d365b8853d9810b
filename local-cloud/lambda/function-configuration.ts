import { z } from 'zod';
import { parseRecord } from '../../lifecycle/records';
import type { MotoApi } from '../moto/moto-api';

/** The part of a function's configuration that a run needs. */
const functionConfigurationSchema = z.object({
  FunctionName: z.string(),
  FunctionArn: z.string(),
  Role: z.string(),
  Handler: z.string(),
  Runtime: z.string().default('nodejs22.x'),
  /** Seconds. */
  Timeout: z.coerce.number(),
  MemorySize: z.coerce.number().default(128),
  CodeSha256: z.string().default(''),
  Environment: z.object({ Variables: z.record(z.string(), z.string()).default({}) }).optional(),
  LoggingConfig: z.object({ LogGroup: z.string().optional() }).optional(),
});

export type FunctionConfiguration = z.infer<typeof functionConfigurationSchema>;

/** A function's present configuration. Throws AwsError (404) if the function does not exist. */
export async function readConfiguration(moto: MotoApi, functionName: string): Promise<FunctionConfiguration> {
  const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/configuration`;
  const answer = await moto.request('GET', path, { service: 'lambda' });
  return parseRecord(functionConfigurationSchema, `the function ${functionName}`, answer.body.toString());
}

export function logGroupOf({ FunctionName, LoggingConfig }: FunctionConfiguration): string {
  return LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`;
}
