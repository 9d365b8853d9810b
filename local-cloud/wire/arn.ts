/** moto's account. */
export const ACCOUNT_ID = '123456789012';

export function arnOf(service: string, region: string, resource: string): string {
  return `arn:aws:${service}:${region}:${ACCOUNT_ID}:${resource}`;
}

export function instanceArn(region: string, instanceId: string): string {
  return arnOf('ec2', region, `instance/${instanceId}`);
}

export function logStreamArn(region: string, group: string, stream: string): string {
  return arnOf('logs', region, `log-group:${group}:log-stream:${stream}`);
}

/** The function's name in a name, an ARN or a partial ARN, with or without a qualifier. */
export function functionNameOf(nameOrArn: string): string {
  const parts = decodeURIComponent(nameOrArn).split(':');
  const marker = parts.indexOf('function');
  return (marker >= 0 ? parts[marker + 1] : parts[0]) ?? nameOrArn;
}
