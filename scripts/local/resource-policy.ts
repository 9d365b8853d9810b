import { z } from 'zod';
import { ACCOUNT_ID, type MotoApi } from './moto-api';

const list = z.union([z.string().transform((text) => [text]), z.array(z.string())]);

const policySchema = z.object({
  Statement: z.array(
    z.object({
      Effect: z.string(),
      Principal: z.union([z.string(), z.record(z.string(), list)]).optional(),
      Action: list,
      Condition: z.record(z.string(), z.record(z.string(), list)).optional(),
    }),
  ),
});

type Statement = z.infer<typeof policySchema>['Statement'][number];

/** Whether the function's resource policy lets a service invoke it for a bucket or rule of our account. */
export async function mayInvoke(
  moto: MotoApi,
  functionName: string,
  service: string,
  sourceArn: string,
): Promise<boolean> {
  let text: string;
  try {
    const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/policy`;
    const answer = await moto.request('GET', path, { service: 'lambda' });
    text = (JSON.parse(answer.body.toString()) as { Policy: string }).Policy;
  } catch {
    // No function, or no policy.
    return false;
  }
  const { Statement } = policySchema.parse(JSON.parse(text));
  return Statement.some((statement) => permits(statement, service, sourceArn));
}

function permits({ Effect, Principal, Action, Condition }: Statement, service: string, sourceArn: string) {
  if (Effect !== 'Allow' || !Action.some((action) => /^lambda:(InvokeFunction|\*)$/i.test(action)))
    return false;
  const services = typeof Principal === 'object' ? (Principal.Service ?? []) : [Principal];
  if (!services.includes(service) && !services.includes('*')) return false;
  // EventBridge tells no account, so that a permission that asks for one never lets it in.
  const facts: Record<string, string> = {
    'aws:sourcearn': sourceArn,
    ...(service === 's3.amazonaws.com' ? { 'aws:sourceaccount': ACCOUNT_ID } : {}),
  };
  return Object.entries(Condition ?? {}).every(([operator, tests]) =>
    Object.entries(tests).every(([key, patterns]) => {
      const fact = facts[key.toLowerCase()];
      return fact !== undefined && patterns.some((pattern) => holds(operator, pattern, fact));
    }),
  );
}

/** An operator that is not known here never holds. */
function holds(operator: string, pattern: string, fact: string): boolean {
  if (operator === 'StringEquals') return pattern === fact;
  if (!['ArnLike', 'ArnEquals', 'StringLike'].includes(operator)) return false;
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(fact);
}
