import { isWildcardOnlyAction } from '@cloud-copilot/iam-simulate';
import { grantedBy } from '../../scripts/iam/granted';
import { unbounded } from '../../scripts/iam/reasons';
import { projectPipelines, settingsWith, synthesizePipeline } from '../support/synth';

const synthesized = synthesizePipeline(settingsWith());
const { resource } = synthesized;
const kinds = ['data', 'output', 'control'];

interface Statement {
  Sid: string;
  Effect: string;
  Action: string[];
  Resource: string[];
  Condition?: Record<string, Record<string, unknown>>;
}

describe.each(kinds)('the %s bucket', (kind) => {
  const of = (type: string) => resource[type]![kind]!;

  test('is not public', () => {
    expect(of('aws_s3_bucket_public_access_block')).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
  });

  test('refuses requests without TLS', () => {
    expect(JSON.parse(String(of('aws_s3_bucket_policy').policy))).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'OnlyOverTls',
          Effect: 'Deny',
          Principal: '*',
          Action: ['s3:*'],
          Resource: [`\${aws_s3_bucket.${kind}.arn}`, `\${aws_s3_bucket.${kind}.arn}/*`],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    });
  });

  test('is encrypted', () => {
    expect(of('aws_s3_bucket_server_side_encryption_configuration')).toMatchObject({
      rule: [{ apply_server_side_encryption_by_default: { sse_algorithm: 'AES256' } }],
    });
  });

  test('keeps overwritten objects', () => {
    expect(of('aws_s3_bucket_versioning')).toMatchObject({ versioning_configuration: { status: 'Enabled' } });
  });

  test('owns its objects, whatever ACL an uploader sets', () => {
    expect(of('aws_s3_bucket_ownership_controls')).toMatchObject({
      rule: { object_ownership: 'BucketOwnerEnforced' },
    });
  });

  test('survives a destroy', () => {
    expect(of('aws_s3_bucket')).toMatchObject({ force_destroy: false, lifecycle: { prevent_destroy: true } });
  });

  test('is deleted by a destroy if it is disposable', () => {
    const disposable = synthesizePipeline(settingsWith({ disposable: true })).resource.aws_s3_bucket![kind];
    expect(disposable).toMatchObject({ force_destroy: true, lifecycle: { prevent_destroy: false } });
  });

  test('deletes incomplete uploads after a week', () => {
    expect(of('aws_s3_bucket_lifecycle_configuration').rule).toContainEqual({
      id: 'broken-off-uploads',
      status: 'Enabled',
      filter: [{ prefix: '' }],
      abort_incomplete_multipart_upload: [{ days_after_initiation: 7 }],
    });
  });
});

describe('the instance', () => {
  const instance = resource.aws_instance!.instance!;

  test('protects its credentials from forged requests and containers: IMDSv2, one hop', () => {
    expect(instance.metadata_options).toEqual({
      http_endpoint: 'enabled',
      http_put_response_hop_limit: 1,
      http_tokens: 'required',
      instance_metadata_tags: 'enabled',
    });
  });

  test('has an encrypted disk', () => {
    expect(instance.root_block_device).toMatchObject({ encrypted: true, volume_type: 'gp3' });
  });

  test('allows no login: no key pair, no inbound rule', () => {
    expect(instance).not.toHaveProperty('key_name');
    expect(resource.aws_security_group!.network).not.toHaveProperty('ingress');
    expect(Object.keys(resource).filter((type) => /ingress|security_group_rule|key_pair/.test(type))).toEqual(
      [],
    );
  });

  test('keeps its disk when it shuts itself down: a shutdown stops it', () => {
    expect(instance.instance_initiated_shutdown_behavior).toBe('stop');
  });

  test('runs no user data', () => {
    expect(instance).not.toHaveProperty('user_data');
  });

  test('reports to Systems Manager as an instance of this account and region only', () => {
    const [report] = statements('instance').filter(({ Action }) =>
      Action.includes('ssm:UpdateInstanceInformation'),
    );
    expect(report!.Resource).toEqual([
      'arn:${data.aws_partition.partition.partition}:ec2:eu-central-1:' +
        '${data.aws_caller_identity.current.account_id}:instance/*',
    ]);
  });

  test('costs nothing for a NAT gateway', () => {
    expect(Object.keys(resource)).not.toContain('aws_nat_gateway');
  });
});

describe('calls from outside', () => {
  test.each(Object.keys(resource.aws_lambda_permission!))(
    "%s: only the pipeline's own bucket or rule may call the function",
    (name) => {
      const permission = resource.aws_lambda_permission![name]!;
      expect(permission.source_arn).toMatch(/^\$\{aws_(s3_bucket|cloudwatch_event_rule)\./);
      if (permission.principal === 's3.amazonaws.com') {
        expect(permission.source_account).toBe('${data.aws_caller_identity.current.account_id}');
      } else {
        // EventBridge sends no source account, so a condition on it would refuse every call.
        expect(permission).not.toHaveProperty('source_account');
      }
    },
  );

  test('failed events are encrypted, because they contain names of uploads', () => {
    expect(resource.aws_sqs_queue!.failures).toMatchObject({ sqs_managed_sse_enabled: true });
  });

  test.each(['trigger', 'worker', 'stop'])('the log of %s expires', (name) => {
    expect(resource.aws_cloudwatch_log_group![name]).toMatchObject({ retention_in_days: 30 });
  });
});

describe('the whole stack', () => {
  const { text } = synthesizePipeline(settingsWith({ logRetentionDays: 7 }));
  const whole = JSON.parse(text) as typeof synthesized;

  test('a bucket has at most one notification, because a second would replace the first', () => {
    const buckets = Object.values(whole.resource.aws_s3_bucket_notification!).map(({ bucket }) => bucket);
    expect(buckets).toHaveLength(2);
    expect(new Set(buckets).size).toBe(2);
  });

  test('every log expires as set, and each function has one, because a log that Lambda creates never expires', () => {
    const logs = Object.values(whole.resource.aws_cloudwatch_log_group!);
    const ofFunctions = Object.values(whole.resource.aws_lambda_function!).map(
      ({ function_name }) => `/aws/lambda/${String(function_name)}`,
    );
    expect(logs.map(({ name }) => String(name)).sort()).toEqual(
      [...ofFunctions, '/lamplighter/test/drain'].sort(),
    );
    for (const { retention_in_days } of logs) expect(retention_in_days).toBe(7);
  });

  test('contains no secret: no access key, private key, password or token', () => {
    expect(text).not.toMatch(
      /\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN|"(password|secret|token|secret_key|access_key)"/i,
    );
    // The pattern does find a secret.
    expect('"password": "x"').toMatch(/"(password|secret|token|secret_key|access_key)"/i);
    for (const { environment } of Object.values(whole.resource.aws_lambda_function!)) {
      const { variables } = environment as { variables: Record<string, string> };
      for (const name of Object.keys(variables)) expect(name).toMatch(/^LAMPLIGHTER_/);
    }
    for (const { type } of Object.values(whole.resource.aws_ssm_parameter!)) expect(type).toBe('String');
  });

  test('contains nothing that is public or lets connections in', () => {
    const opens =
      /acl$|website|_ingress_|security_group_rule|key_pair|function_url|iam_user|access_key|_eip$/;
    expect(Object.keys(whole.resource).filter((type) => opens.test(type))).toEqual([]);
    for (const type of ['aws_s3_bucket_acl', 'aws_lambda_function_url']) expect(type).toMatch(opens);
  });

  test('keeps data only in buckets, and a destroy keeps all buckets unless they are disposable', () => {
    for (const [disposable, force_destroy] of [
      [false, false],
      [true, true],
    ]) {
      const stack = synthesizePipeline(settingsWith({ disposable })).resource;
      for (const bucket of Object.values(stack.aws_s3_bucket!)) {
        expect(bucket).toMatchObject({ force_destroy, lifecycle: { prevent_destroy: !disposable } });
      }
    }
    const holders = Object.keys(whole.resource).filter((type) =>
      /dynamodb|efs|rds|db_|ebs_volume|s3_bucket$/.test(type),
    );
    expect(holders).toEqual(['aws_s3_bucket']);
  });
});

describe('permissions', () => {
  const trigger = statements('trigger');
  const worker = statements('worker');
  const stop = statements('stop');
  const instance = statements('instance');
  const everyone = { trigger, worker, stop, instance };

  test('no role has a wildcard action', () => {
    for (const { Action } of Object.values(everyone).flat()) {
      for (const action of Action) expect(action).not.toContain('*');
    }
  });

  test('only actions without resource-level permissions are granted on *', () => {
    const unbounded = Object.values(everyone)
      .flat()
      .filter(({ Resource }) => Resource.includes('*'))
      .map(({ Sid }) => Sid);
    expect([...new Set(unbounded)].sort()).toEqual([
      'DescribeInstances',
      'SeeCommands',
      'SystemsManagerChannels',
    ]);
  });

  test('each action on * is listed with its reason, and AWS supports no resource for it', async () => {
    const granted = Object.values(everyone)
      .flat()
      .filter(({ Resource }) => Resource.includes('*'))
      .flatMap(({ Action }) => Action);
    expect([...new Set(granted)].sort()).toEqual(Object.keys(unbounded).sort());
    for (const [action, reason] of Object.entries(unbounded)) {
      const [service = '', operation = ''] = action.split(':');
      expect([action, await isWildcardOnlyAction(service, operation)]).toEqual([action, true]);
      expect(reason).toMatch(/\w+ \w+/);
    }
    // The check does distinguish other actions.
    expect(await isWildcardOnlyAction('ssm', 'SendCommand')).toBe(false);
  });

  test('no statement contains NotAction, NotResource or NotPrincipal', () => {
    for (const { policy } of Object.values(resource.aws_iam_role_policy!)) {
      expect(String(policy)).not.toMatch(/"Not(Action|Resource|Principal)"/);
    }
  });

  test('npm run iam checks every action of every role', () => {
    const listed = grantedBy(projectPipelines()[0]!);
    for (const [role, granted] of Object.entries(everyone)) {
      const own = listed.filter((each) => each.role === role && each.statement !== 'KeepFailures');
      expect(own.map(({ action }) => action)).toEqual(granted.flatMap(({ Action }) => Action));
    }
    expect(listed.filter(({ statement }) => statement === 'KeepFailures')).toHaveLength(3);
  });

  test.each(['trigger', 'worker', 'stop', 'instance'])(
    'only its service may assume the role of %s',
    (name) => {
      const trust = JSON.parse(String(resource.aws_iam_role![name]!.assume_role_policy)) as unknown;
      const service = name === 'instance' ? 'ec2.amazonaws.com' : 'lambda.amazonaws.com';
      expect(trust).toMatchObject({
        Statement: [{ Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      });
    },
  );

  test('no other instance of the account can be started or stopped', () => {
    const commands = [...trigger, ...stop].filter(({ Action }) => /ec2:(Start|Stop)/.test(Action.join(' ')));
    expect(commands).toHaveLength(2);
    for (const { Resource, Condition } of commands) {
      expect(Resource).toEqual(['${aws_instance.instance.arn}']);
      expect(Condition).toEqual({ StringEquals: { 'aws:ResourceTag/lamplighter:pipeline': 'test' } });
    }
  });

  test('trigger cannot stop the instance, and worker can neither start nor stop it', () => {
    expect(may(trigger, 'ec2:StopInstances')).toBe(false);
    expect(may(worker, 'ec2:StartInstances')).toBe(false);
    expect(may(worker, 'ec2:StopInstances')).toBe(false);
  });

  test('no role can change the tag that the conditions depend on', () => {
    expect(tagKeys(trigger)).toEqual(['lamplighter:phase']);
    expect(tagKeys(stop)).toEqual(['lamplighter:phase', 'lamplighter:pause']);
    expect(may(worker, 'ec2:CreateTags') || may(instance, 'ec2:CreateTags')).toBe(false);
    for (const roles of Object.values(everyone)) expect(may(roles, 'ec2:DeleteTags')).toBe(false);
  });

  test('without the phase tag, trigger can change no tag, and stop only that of the pause', () => {
    const { resource } = synthesizePipeline(settingsWith({ phaseTag: false }));
    const tagsOf = (name: string) => JSON.stringify(resource.aws_iam_role_policy![name]!.policy);
    expect(tagsOf('trigger')).not.toContain('ec2:CreateTags');
    expect(tagsOf('stop')).toContain('lamplighter:pause');
    expect(tagsOf('stop')).not.toContain('lamplighter:phase');
    for (const name of ['trigger', 'stop']) {
      expect(JSON.stringify(resource.aws_lambda_function![name]!.environment)).toContain(
        '"LAMPLIGHTER_PHASE_TAG":"off"',
      );
    }
  });

  test('worker can send only our document, only to our instance', () => {
    const sending = worker.filter(({ Action }) => Action.includes('ssm:SendCommand'));
    expect(sending.map(({ Resource, Condition }) => ({ Resource, Condition }))).toEqual([
      { Resource: ['${aws_ssm_document.drain.arn}'], Condition: undefined },
      {
        Resource: ['${aws_instance.instance.arn}'],
        Condition: { StringEquals: { 'ssm:resourceTag/lamplighter:pipeline': 'test' } },
      },
    ]);
    expect(worker.some(({ Action }) => Action.some((action) => action.startsWith('s3:')))).toBe(false);
  });

  test('no role can write or delete uploads, and no function can read them', () => {
    expect(on('data', trigger)).toEqual([]);
    expect(on('data', stop)).toEqual(['s3:ListBucketVersions']);
    expect(on('data', instance)).toEqual(['s3:GetObjectVersion', 's3:ListBucket']);
  });

  test('no function can write results, and no role can delete them', () => {
    expect(on('output', trigger)).toEqual(['s3:GetObject', 's3:ListBucket']);
    expect(on('output', stop)).toEqual(['s3:GetObject', 's3:ListBucket']);
    expect(on('output', instance)).toEqual([
      's3:AbortMultipartUpload',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
  });

  test('no role can replace a receipt or change an admitted job', () => {
    const anyJob = '?'.repeat(64);
    const created = Object.values(everyone)
      .flat()
      .filter(({ Condition }) => Condition?.Null?.['s3:if-none-match'] === 'false')
      .flatMap(({ Resource }) => Resource);
    expect([...new Set(created)]).toEqual([
      '${aws_s3_bucket.control.arn}/open/*',
      '${aws_s3_bucket.control.arn}/stops/*',
      `\${aws_s3_bucket.output.arn}/results/*/${anyJob}/receipt.json`,
    ]);
    const denied = Object.values(everyone)
      .flat()
      .filter(({ Effect }) => Effect === 'Deny');
    expect(denied).toEqual([
      expect.objectContaining({
        Action: ['s3:PutObject'],
        Resource: [`\${aws_s3_bucket.output.arn}/results/*/${anyJob}/receipt.json`],
        Condition: { Null: { 's3:if-none-match': 'true' } },
      }),
    ]);
    const freely = Object.values(everyone)
      .flat()
      .filter(
        ({ Action, Effect, Condition }) =>
          Effect === 'Allow' && Action.includes('s3:PutObject') && !Condition,
      )
      .flatMap(({ Resource }) => Resource.map((arn) => arn.replace(/^.*arn\}\//, '')));
    expect([...new Set(freely)].sort()).toEqual([
      'attempts/*',
      'audit.json',
      'capacity.json',
      'claims/*',
      'gate.json',
      'orders.json',
      `results/*/${anyJob}/attempt-*/*`,
      'sessions/*',
      'status/*',
      'wake.json',
    ]);
  });

  test('the instance cannot change models or the runner, move the gate, explain its own death, or call EC2', () => {
    const written = instance
      .filter(({ Action }) => /PutObject|DeleteObject/.test(Action.join(' ')))
      .flatMap(({ Resource }) => Resource);
    for (const arn of written) expect(arn).not.toMatch(/models|runner|gate|stops/);
    expect(instance.flatMap(({ Action }) => Action).filter((action) => action.startsWith('ec2:'))).toEqual(
      [],
    );
  });

  test("a model that gets the instance's credentials cannot read the account's parameters", () => {
    expect(
      instance.flatMap(({ Action }) => Action).filter((action) => /^ssm:(Get|List|Describe)/.test(action)),
    ).toEqual([]);
    expect(Object.keys(resource)).not.toContain('aws_iam_role_policy_attachment');
  });

  test.each(['trigger', 'worker', 'stop'])('%s writes only to its own log and the failures queue', (name) => {
    const own = statements(name).filter(({ Action }) => /logs:/.test(Action.join(' ')));
    expect(own.flatMap(({ Resource }) => Resource)).toEqual([`\${aws_cloudwatch_log_group.${name}.arn}:*`]);
    expect(
      statements(`${name}_failures`).flatMap(({ Action, Resource }) => [...Action, ...Resource]),
    ).toEqual(['sqs:SendMessage', '${aws_sqs_queue.failures.arn}']);
  });
});

function statements(name: string): Statement[] {
  const policy = String(resource.aws_iam_role_policy![name]!.policy);
  return (JSON.parse(policy) as { Statement: Statement[] }).Statement;
}

function may(granted: Statement[], action: string): boolean {
  return granted.some(({ Action }) => Action.includes(action));
}

function tagKeys(granted: Statement[]): unknown {
  const tagging = granted.filter(({ Action }) => Action.includes('ec2:CreateTags'));
  expect(tagging).toHaveLength(1);
  expect(tagging[0]!.Condition).toMatchObject({
    StringEquals: { 'aws:ResourceTag/lamplighter:pipeline': 'test' },
    Null: { 'aws:TagKeys': 'false' },
  });
  return tagging[0]!.Condition!['ForAllValues:StringEquals']!['aws:TagKeys'];
}

function on(bucket: string, granted: Statement[]): string[] {
  const actions = granted
    .filter(({ Resource }) => Resource.some((arn) => arn.includes(`aws_s3_bucket.${bucket}.`)))
    .flatMap(({ Action }) => Action);
  return [...new Set(actions)].sort();
}
