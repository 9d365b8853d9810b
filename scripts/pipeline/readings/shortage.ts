import { SHORTAGE_KEY } from '../../../lifecycle/job';
import { type Shortage, shortageSchema } from '../../../lifecycle/records';
import { duration } from '../../console/terminal';
import type { Records } from './listed-records';
import { readableRecord } from './records';

/** The present shortage: EC2 does not start the instance. Undefined: there is none. */
export async function readShortage(control: Records): Promise<Shortage | undefined> {
  const shortage = await readableRecord(control, SHORTAGE_KEY, shortageSchema);
  return shortage?.endedAt === undefined ? shortage : undefined;
}

/** What EC2 answers, and for how long. One sentence without a full stop. `now` in milliseconds since the epoch. */
export function shortageText({ code, message, since, refusals }: Shortage, now: number): string {
  const times = refusals === 1 ? 'once' : `${refusals} times`;
  return `EC2 has not started the instance (${times}, for ${duration(now - Date.parse(since))}): ${code}: ${message}`;
}

/** What a person can do about it. */
export function shortageAdvice({ code }: Shortage): string {
  if (/Limit/.test(code) && code !== 'RequestLimitExceeded') {
    return (
      'Raise the limit of the account: Service Quotas, Amazon EC2, the quota of running instances of this family ' +
      '(https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas). The sweep starts the instance afterwards'
    );
  }
  if (/Capacity/.test(code)) {
    return (
      'AWS has no free machine of this type in this zone. The sweep tries again. If it lasts for hours, set another ' +
      'instanceType or another zone and deploy'
    );
  }
  return 'Other programs of the account call EC2 too often, or EC2 has trouble of its own. The sweep tries again';
}
