import { type Call, type IncomingCall, formOf, listIn, operationOf } from '../wire/call';
import type { Permission, Context } from './permission';
import { s3Permissions } from './s3-permissions';
import { arnOf, functionNameOf, instanceArn, logStreamArn } from '../wire/arn';

/** The permissions that a call needs. https://docs.aws.amazon.com/service-authorization/latest/reference/ */
export function permissionsFor(call: IncomingCall): Permission[] {
  if (call.service === 's3') return s3Permissions(call);
  const whole: Call = { ...call, body: call.body ?? Buffer.alloc(0) };
  if (call.service === 'lambda') return lambdaPermissions(whole);
  const operation = operationOf(whole) ?? 'Unknown';
  const action = `${PREFIXES[call.service] ?? call.service}:${operation}`;
  switch (call.service) {
    case 'ec2':
      return ec2Permissions(whole, operation, action);
    case 'ssm':
      return ssmPermissions(whole, operation, action);
    case 'sts':
      // GetCallerIdentity needs no permission.
      if (operation === 'GetCallerIdentity') return [];
      return [permission(action, formOf(whole).get('RoleArn') ?? '*')];
    case 'sqs':
    case 'logs':
      return [permission(action, jsonResource(whole))];
    default:
      return [permission(action, '*')];
  }
}

/** Prefixes of actions that differ from the name that the service signs with. */
const PREFIXES: Readonly<Record<string, string>> = { monitoring: 'cloudwatch', email: 'ses' };

function permission(action: string, resource: string, context: Context = {}): Permission {
  return { action, resource, context };
}

function ec2Permissions(call: Call, operation: string, action: string): Permission[] {
  const form = formOf(call);
  const context: Context = { 'ec2:Region': call.region };
  const onInstance = (instanceId: string, more: Context = {}): Permission => ({
    action,
    resource: instanceArn(call.region, instanceId),
    context: { ...context, ...more },
    instanceId,
  });
  switch (operation) {
    case 'StartInstances':
    case 'StopInstances':
    case 'RebootInstances':
    case 'TerminateInstances':
      return listIn(form, 'InstanceId').map((id) => onInstance(id));
    case 'ModifyInstanceAttribute':
      return [onInstance(form.get('InstanceId') ?? '')];
    case 'CreateTags':
    case 'DeleteTags': {
      const tags = tagsIn(form);
      return listIn(form, 'ResourceId').map((id) => {
        if (id.startsWith('i-')) return onInstance(id, tags);
        const kind = EC2_KINDS[id.split('-')[0] ?? ''] ?? '*';
        return permission(action, arnOf('ec2', call.region, `${kind}/${id}`), { ...context, ...tags });
      });
    }
    default:
      return [permission(action, '*', context)];
  }
}

const EC2_KINDS: Readonly<Record<string, string>> = {
  vol: 'volume',
  sg: 'security-group',
  subnet: 'subnet',
  vpc: 'vpc',
  eni: 'network-interface',
};

function tagsIn(form: URLSearchParams): Context {
  const context: Record<string, string | string[]> = {};
  const keys: string[] = [];
  for (let index = 1; form.has(`Tag.${index}.Key`); index += 1) {
    const key = form.get(`Tag.${index}.Key`) ?? '';
    keys.push(key);
    context[`aws:RequestTag/${key}`] = form.get(`Tag.${index}.Value`) ?? '';
  }
  // Without tags the key is absent. An empty list would be another value.
  return keys.length === 0 ? context : { ...context, 'aws:TagKeys': keys };
}

interface SsmRequest {
  readonly DocumentName?: string;
  readonly InstanceIds?: string[];
  readonly Targets?: { Key: string; Values: string[] }[];
  readonly Name?: string;
  readonly Names?: string[];
  readonly Path?: string;
  readonly InstanceId?: string;
}

function ssmPermissions(call: Call, operation: string, action: string): Permission[] {
  const request = jsonOf(call) as SsmRequest;
  const on = (resource: string) => permission(action, arnOf('ssm', call.region, resource));
  switch (operation) {
    case 'SendCommand': {
      // Allowed only if the document and every instance are.
      const targets = request.Targets ?? [];
      const byId = targets.filter(({ Key }) => Key.toLowerCase() === 'instanceids');
      const instanceIds = [...(request.InstanceIds ?? []), ...byId.flatMap(({ Values }) => Values)];
      return [
        permission(action, documentArn(request.DocumentName ?? '', call.region)),
        ...instanceIds.map((id) => ({ ...permission(action, instanceArn(call.region, id)), instanceId: id })),
        // A target by tag can be any instance.
        ...(byId.length < targets.length ? [permission(action, instanceArn(call.region, '*'))] : []),
      ];
    }
    case 'GetDocument':
    case 'DescribeDocument':
    case 'UpdateDocument':
    case 'CreateDocument':
    case 'DeleteDocument':
    case 'ModifyDocumentPermission':
      return [permission(action, documentArn(request.Name ?? '', call.region))];
    case 'GetParameter':
    case 'PutParameter':
    case 'DeleteParameter':
    case 'GetParameterHistory':
      return [on(parameter(request.Name ?? ''))];
    case 'GetParameters':
    case 'DeleteParameters':
      return (request.Names ?? []).map((name) => on(parameter(name)));
    case 'GetParametersByPath':
      return [on(parameter(request.Path ?? '/'))];
    case 'UpdateInstanceInformation':
      return [permission(action, instanceArn(call.region, request.InstanceId ?? ''))];
    default:
      return [permission(action, '*')];
  }
}

function documentArn(nameOrArn: string, region: string): string {
  if (nameOrArn.startsWith('arn:')) return nameOrArn;
  // Amazon's own documents belong to no account.
  if (/^(AWS|Amazon)[A-Za-z]*-/.test(nameOrArn)) return `arn:aws:ssm:${region}::document/${nameOrArn}`;
  return arnOf('ssm', region, `document/${nameOrArn}`);
}

function parameter(name: string): string {
  return `parameter/${name.replace(/^\//, '')}`;
}

/** The actions of Lambda's paths that a role could need. No role has permission for another path. */
function lambdaPermissions(call: Call): Permission[] {
  const [, , area, name, part] = call.path.replace(/\/$/, '').split('/');
  if (area !== 'functions') return [permission(`lambda:${call.method}${area ?? ''}`, '*')];
  if (name === undefined)
    return [permission(call.method === 'GET' ? 'lambda:ListFunctions' : 'lambda:CreateFunction', '*')];
  const operations: Readonly<Record<string, string>> = {
    'POST invocations': 'InvokeFunction',
    'POST invoke-async': 'InvokeFunction',
    'GET ': 'GetFunction',
    'DELETE ': 'DeleteFunction',
    'GET configuration': 'GetFunctionConfiguration',
    'PUT configuration': 'UpdateFunctionConfiguration',
    'PUT code': 'UpdateFunctionCode',
    'GET policy': 'GetPolicy',
    'POST policy': 'AddPermission',
  };
  const operation = operations[`${call.method} ${part ?? ''}`] ?? `${call.method}${part ?? ''}`;
  const resource = arnOf('lambda', call.region, `function:${functionNameOf(name)}`);
  return [permission(`lambda:${operation}`, resource)];
}

interface JsonRequest {
  readonly QueueUrl?: string;
  readonly QueueName?: string;
  readonly logGroupName?: string;
  readonly logStreamName?: string;
}

function jsonResource(call: Call): string {
  const { QueueUrl, QueueName, logGroupName, logStreamName = '' } = jsonOf(call) as JsonRequest;
  const queue = QueueName ?? QueueUrl?.split('/').at(-1);
  if (queue !== undefined) return arnOf('sqs', call.region, queue);
  return logGroupName === undefined ? '*' : logStreamArn(call.region, logGroupName, logStreamName);
}

function jsonOf(call: Call): unknown {
  try {
    return JSON.parse(call.body.toString() || '{}');
  } catch {
    // The service answers with its own error.
    return {};
  }
}
