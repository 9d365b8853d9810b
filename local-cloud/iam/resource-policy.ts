import { decide } from './simulation';
import { ACCOUNT_ID, arnOf } from '../wire/arn';
import type { MotoApi } from '../moto/moto-api';

/** Whether the function's resource policy lets a service invoke the function for a bucket or rule of our account. */
export async function mayInvoke(moto: MotoApi, functionName: string, service: string, sourceArn: string) {
  let resourcePolicy: unknown;
  try {
    const path = `/2015-03-31/functions/${encodeURIComponent(functionName)}/policy`;
    const answer = await moto.request('GET', path, { service: 'lambda' });
    resourcePolicy = JSON.parse((JSON.parse(answer.body.toString()) as { Policy: string }).Policy);
  } catch {
    // The function does not exist, or has no policy.
    return false;
  }
  const decision = await decide({
    principal: service,
    action: 'lambda:InvokeFunction',
    resource: arnOf('lambda', moto.region, `function:${functionName}`),
    // EventBridge sends no source account: a permission with a condition on it never matches.
    context: {
      'aws:SourceArn': sourceArn,
      ...(service === 's3.amazonaws.com' && { 'aws:SourceAccount': ACCOUNT_ID }),
    },
    identityPolicies: [],
    resourcePolicy,
  });
  return decision.allowed;
}
