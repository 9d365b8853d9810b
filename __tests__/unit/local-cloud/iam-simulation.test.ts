import { type DecisionInput, decide } from '../../../local-cloud/iam/simulation';

const SELF = 'arn:aws:sts::123456789012:assumed-role/role/session';

const allow = (Action: string, Resource: string, Condition?: object) => ({
  Sid: 'Permitted',
  Effect: 'Allow',
  Action: [Action],
  Resource: [Resource],
  ...(Condition ? { Condition } : {}),
});
const policyOf = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
const ask = (question: Partial<DecisionInput>) =>
  decide({
    principal: SELF,
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::bucket/key',
    context: { 'aws:SecureTransport': 'true' },
    identityPolicies: [
      { name: 'permissions', policy: policyOf(allow('s3:GetObject', 'arn:aws:s3:::bucket/*')) },
    ],
    ...question,
  });

const onlyOverTls = policyOf({
  Sid: 'OnlyOverTls',
  Effect: 'Deny',
  Principal: '*',
  Action: ['s3:*'],
  Resource: ['arn:aws:s3:::bucket', 'arn:aws:s3:::bucket/*'],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

test('an action that a statement allows is allowed, and the statement is named', async () => {
  expect(await ask({})).toEqual({
    allowed: true,
    grants: [{ policy: 'permissions', statement: 'Permitted' }],
  });
});

test('an action that no statement allows is denied', async () => {
  for (const question of [
    { action: 's3:PutObject' },
    { resource: 'arn:aws:s3:::other/key' },
    { identityPolicies: [] },
  ]) {
    expect(await ask(question)).toMatchObject({
      allowed: false,
      because: expect.stringMatching(/^because no identity-based policy allows the s3:/) as string,
    });
  }
});

test('a bucket’s policy denies clear text, even to a role with permission', async () => {
  expect(await ask({ resourcePolicy: onlyOverTls })).toMatchObject({ allowed: true });
  expect(await ask({ resourcePolicy: onlyOverTls, context: { 'aws:SecureTransport': 'false' } })).toEqual({
    allowed: false,
    because: 'with an explicit deny in a resource-based policy',
  });
});

test('a permissions boundary limits a policy', async () => {
  const boundary = (policy: object) => ({ name: 'boundary', policy });
  expect(await ask({ boundary: boundary(policyOf(allow('s3:PutObject', '*'))) })).toEqual({
    allowed: false,
    because: 'because no permissions boundary allows the s3:GetObject action',
  });
  expect(await ask({ boundary: boundary(policyOf(allow('s3:*', '*'))) })).toMatchObject({ allowed: true });
});

test('an anonymous caller has only the permissions of a bucket policy for all', async () => {
  const nobody = { principal: undefined, identityPolicies: [] };
  expect(await ask({ ...nobody, resourcePolicy: onlyOverTls })).toMatchObject({ allowed: false });
  const open = policyOf({ ...allow('s3:GetObject', 'arn:aws:s3:::bucket/*'), Principal: '*' });
  expect(await ask({ ...nobody, resourcePolicy: open })).toMatchObject({ allowed: true });
});

test.each(['a\nb', 'a*b', 'a?b', 'a:b', '${aws:username}', '../b', '日本'])(
  'the key %j is a name and no pattern',
  async (key) => {
    expect(await ask({ resource: `arn:aws:s3:::bucket/${key}` })).toMatchObject({ allowed: true });
    expect(await ask({ resource: `arn:aws:s3:::other/${key}` })).toMatchObject({ allowed: false });
  },
);

test('an asterisk in a key does not match other keys', async () => {
  const one = [{ name: 'one', policy: policyOf(allow('s3:GetObject', 'arn:aws:s3:::bucket/key')) }];
  expect(await ask({ identityPolicies: one, resource: 'arn:aws:s3:::bucket/*' })).toMatchObject({
    allowed: false,
  });
});

test('a function’s policy lets a service invoke it for the named source only', async () => {
  const name = 'arn:aws:lambda:eu-central-1:123456789012:function:trigger';
  const question = {
    principal: 's3.amazonaws.com',
    action: 'lambda:InvokeFunction',
    resource: name,
    identityPolicies: [],
    resourcePolicy: policyOf({
      ...allow('lambda:InvokeFunction', name, {
        ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::bucket' },
        StringEquals: { 'AWS:SourceAccount': '123456789012' },
      }),
      Principal: { Service: 's3.amazonaws.com' },
    }),
  };
  const from = (bucket: string, account?: string) => ({
    'aws:SourceArn': `arn:aws:s3:::${bucket}`,
    ...(account === undefined ? {} : { 'aws:SourceAccount': account }),
  });
  expect(await ask({ ...question, context: from('bucket', '123456789012') })).toMatchObject({
    allowed: true,
  });
  expect(await ask({ ...question, context: from('other', '123456789012') })).toMatchObject({
    allowed: false,
  });
  // As EventBridge does.
  expect(await ask({ ...question, context: from('bucket') })).toMatchObject({ allowed: false });
});

describe('an action that the local cloud cannot name', () => {
  const nameless = [
    ['an unknown action', { action: 'lambda:GETversions' }],
    ['an unknown resource', { action: 'ec2:CreateSecurityGroup', resource: '*' }],
  ] as const;
  const everything = { name: 'admin', policy: policyOf(allow('*', '*')) };

  test.each(nameless)('is denied to a role with some permissions: %s', async (_, question) => {
    const [service = ''] = question.action.split(':');
    const some = { name: 'some', policy: policyOf(allow(`${service}:*`, '*')) };
    expect(await ask({ ...question, identityPolicies: [some] })).toMatchObject({
      allowed: false,
      because: expect.stringContaining('only an administrator may do it') as string,
    });
  });

  test.each(nameless)(
    'is allowed to an administrator, because a deployment needs it: %s',
    async (_, question) => {
      expect(await ask({ ...question, identityPolicies: [everything] })).toEqual({
        allowed: true,
        grants: [{ policy: 'admin', statement: 'Permitted' }],
      });
    },
  );

  test.each<[string, Partial<DecisionInput>]>([
    [
      'with a condition',
      { identityPolicies: [{ name: 'a', policy: policyOf(allow('*', '*', { Bool: {} })) }] },
    ],
    ['within a boundary', { identityPolicies: [everything], boundary: { name: 'b', policy: policyOf() } }],
    [
      'with a deny beside it',
      { identityPolicies: [everything, { name: 'd', policy: policyOf({ Effect: 'Deny' }) }] },
    ],
  ])('is denied to an administrator %s', async (_, question) => {
    expect((await ask({ action: 'lambda:GETversions', ...question })).allowed).toBe(false);
  });
});
