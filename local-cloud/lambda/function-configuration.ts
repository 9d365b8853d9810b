import { z } from 'zod';
import { parseRecord } from '../../lifecycle/records';
import type { MotoApi } from '../moto/moto-api';

/** What running a function needs of its configuration. */
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

/** A function as moto has it now. Throws AwsError (404) when there is no such function. */
export async function readConfiguration(moto: MotoApi, functionName: string): Promise<FunctionConfiguration> {
  const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/configuration`;
  const answer = await moto.request('GET', path, { service: 'lambda' });
  return parseRecord(functionConfigurationSchema, `the function ${functionName}`, answer.body.toString());
}

export function logGroupOf({ FunctionName, LoggingConfig }: FunctionConfiguration): string {
  return LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`;
}
