import { LamplighterError } from '../../lifecycle/errors';
import { type Call, formOf, operationOf } from '../wire/call';
import type { Callers, RoleCredentials } from '../wire/caller';
import type { Answer } from '../wire/answer';
import type { MotoApi } from '../moto/moto-api';

/** Role sessions. The local cloud makes them for functions and the instance, and callers make them with STS. */
export class Roles {
  constructor(
    private readonly moto: MotoApi,
    private readonly callers: Callers,
  ) {}

  /** Begins a session of a role for a service. */
  async assume(roleArn: string, sessionName: string): Promise<RoleCredentials> {
    const fields = { RoleArn: roleArn, RoleSessionName: sessionName };
    const text = await this.moto.query('sts', 'AssumeRole', fields);
    const credentials = {
      AWS_ACCESS_KEY_ID: element(text, 'AccessKeyId'),
      AWS_SECRET_ACCESS_KEY: element(text, 'SecretAccessKey'),
      AWS_SESSION_TOKEN: element(text, 'SessionToken'),
    };
    this.callers.remember(credentials.AWS_ACCESS_KEY_ID, { roleArn, sessionName, assumedBy: 'service' });
    return credentials;
  }

  /** STS's API. moto answers; we remember the role of each session. */
  async answer(call: Call): Promise<Answer> {
    const answer = await this.moto.forward(call);
    if (operationOf(call) === 'AssumeRole' && answer.status === 200) {
      const form = formOf(call);
      this.callers.remember(element(answer.body.toString(), 'AccessKeyId'), {
        roleArn: form.get('RoleArn') ?? '',
        sessionName: form.get('RoleSessionName') ?? '',
        assumedBy: 'caller',
      });
    }
    return answer;
  }

  /** The ARN of the role in an instance profile. Throws LamplighterError if the profile has no role. */
  async ofInstanceProfile(profileArn: string): Promise<string> {
    const name = profileArn.split('/').at(-1) ?? '';
    const text = await this.moto.query('iam', 'GetInstanceProfile', { InstanceProfileName: name });
    const roles = /<Roles>(.*)<\/Roles>/s.exec(text)?.[1] ?? '';
    const arn = /<Arn>([^<]+)<\/Arn>/.exec(roles)?.[1];
    if (arn === undefined) throw new LamplighterError(`The instance profile ${name} has no role.`);
    return arn;
  }
}

function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new LamplighterError(`moto's answer has no ${name}: ${xml}`);
  return text.replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
}
