import { AwsError, errorAnswer } from '../../../local-cloud/wire/answer';
import { Callers, credentialScopeOf } from '../../../local-cloud/wire/caller';

const error = new AwsError(400, 'SomeCode', 'a <b> & "c"');

describe('an error of the local cloud has the form that SDKs read', () => {
  test.each(['s3', 'ec2', 'sts'])('XML for %s', (service) => {
    const { status, body } = errorAnswer(service, error);
    expect(status).toBe(400);
    expect(body.toString()).toContain(
      '<Code>SomeCode</Code><Message>a &#60;b&#62; &#38; &#34;c&#34;</Message>',
    );
  });

  test.each(['ssm', 'lambda', 'events'])('JSON for %s', (service) => {
    const { headers, body } = errorAnswer(service, error);
    expect(JSON.parse(body.toString())).toMatchObject({ __type: 'SomeCode', message: error.message });
    expect(headers['x-amzn-errortype']).toBe('SomeCode');
  });
});

describe('the caller of a request', () => {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=ASIA1/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0';

  test('is read from the signature, in the header or in a presigned URL', () => {
    const scope = { accessKeyId: 'ASIA1', region: 'eu-central-1', service: 's3' };
    expect(credentialScopeOf({ authorization }, new URLSearchParams())).toEqual(scope);
    const query = new URLSearchParams({ 'X-Amz-Credential': 'ASIA1/20260101/eu-central-1/s3/aws4_request' });
    expect(credentialScopeOf({}, query)).toEqual(scope);
    expect(credentialScopeOf({}, new URLSearchParams())).toBeUndefined();
  });

  test('is the role of the access key’s session, else the operator', () => {
    const callers = new Callers();
    const scope = credentialScopeOf({ authorization }, new URLSearchParams());
    expect(callers.of(scope).kind).toBe('operator');
    const session = { roleArn: 'arn:role', sessionName: 'trigger', assumedBy: 'service' } as const;
    callers.remember('ASIA1', session);
    expect(callers.of(scope)).toEqual({ kind: 'role', ...session });
    expect(callers.of(undefined).kind).toBe('anonymous');
  });
});
