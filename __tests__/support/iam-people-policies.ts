import type { Statement } from '../../modules/permissions';
import { OPERATOR, PLACES, type InMemoryPipeline, REFRESHING, SENT } from './iam-people';

/*
 * The policies and the table of docs/SECURITY.md, made from iam-people.ts. A test compares them with the page.
 */

/** The parts of a pipeline's ARNs. */
interface Named {
  readonly pipeline: string;
  readonly region: string;
  readonly account: string;
}

/**
 * The statements that allow these commands on one pipeline, and nothing else.
 * @param beside commands that other statements already allow. @default none
 */
export function statementsFor(
  commands: readonly string[],
  named: Named,
  beside: readonly string[] = [],
): Statement[] {
  const wanted = actionsOf(commands);
  for (const [place, actions] of actionsOf(beside)) {
    const more = [...(wanted.get(place) ?? [])].filter((action) => !actions.has(action));
    if (more.length > 0) wanted.set(place, new Set(more));
    else wanted.delete(place);
  }
  return placesOf(wanted).map((place) => ({
    Sid: SIDS[place],
    Effect: 'Allow',
    Action: [...(wanted.get(place) ?? [])].sort(),
    Resource: arnsOf(place, named),
    ...conditionOf(place, named),
  }));
}

/** Rows of docs/SECURITY.md: a command, and the actions that it needs. */
export function tableOfCommands(): (readonly [string, string])[] {
  const commands = [...OPERATOR, REFRESHING];
  return commands.map((command) => {
    const wanted = actionsOf([command]);
    const byName = new Map<string, Set<string>>();
    for (const place of placesOf(wanted)) {
      const of = byName.get(PLACES[place]) ?? new Set<string>();
      byName.set(PLACES[place], of);
      for (const action of [...(wanted.get(place) ?? [])].sort()) of.add(`\`${action}\``);
    }
    const parts = [...byName].map(([name, actions]) => `${name}: ${[...actions].join(', ')}`);
    return [`\`${command}\``, parts.join('; ')] as const;
  });
}

function actionsOf(commands: readonly string[]): Map<InMemoryPipeline, Set<string>> {
  const wanted = new Map<InMemoryPipeline, Set<string>>();
  for (const { by, needs } of SENT) {
    if (!by.some((command) => commands.includes(command))) continue;
    for (const [place, ...actions] of needs)
      wanted.set(place, new Set([...(wanted.get(place) ?? []), ...actions]));
  }
  return wanted;
}

const placesOf = (wanted: ReadonlyMap<InMemoryPipeline, unknown>) =>
  (Object.keys(PLACES) as InMemoryPipeline[]).filter((place) => wanted.has(place));

const SIDS: Readonly<Record<InMemoryPipeline, string>> = {
  manifests: 'FindPipelines',
  data: 'ListUploads',
  uploads: 'Uploads',
  output: 'ListResults',
  results: 'ReadResults',
  control: 'ListLedger',
  ledger: 'ReadLedger',
  toAdmit: 'AdmitLostUploads',
  toOrder: 'OrderPause',
  instance: 'StartInstance',
  orders: 'GiveOrders',
  stop: 'SettleNow',
  failures: 'SeeFailures',
  logs: 'ReadLogs',
  everything: 'SeeMachinesAndCommands',
};

function arnsOf(place: InMemoryPipeline, { pipeline, region, account }: Named): string[] {
  const bucket = (kind: string) => `arn:aws:s3:::${pipeline}-${kind}-${account}-${region}`;
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`;
  switch (place) {
    case 'manifests':
      return [arn('ssm', 'parameter/lamplighter'), arn('ssm', 'parameter/lamplighter/*')];
    case 'data':
    case 'output':
    case 'control':
      return [bucket(place)];
    case 'uploads':
      return [`${bucket('data')}/*`];
    case 'results':
      return [`${bucket('output')}/results/*`];
    case 'ledger':
      return READ_IN_LEDGER.map((key) => `${bucket('control')}/${key}`);
    case 'toAdmit':
      return [`${bucket('control')}/open/*`];
    case 'toOrder':
      return [`${bucket('control')}/orders.json`];
    case 'instance':
    case 'orders':
      return [arn('ec2', 'instance/*')];
    case 'stop':
      return [arn('lambda', `function:${pipeline}-stop`)];
    case 'failures':
      return [arn('sqs', `${pipeline}-failures`)];
    case 'logs':
      return [
        ...['trigger', 'worker', 'stop'].map((name) => `/aws/lambda/${pipeline}-${name}`),
        `/lamplighter/${pipeline}/drain`,
      ].map((group) => arn('logs', `log-group:${group}:*`));
    case 'everything':
      return ['*'];
  }
}

/** Keys of the control bucket, without the models and the runner. */
const READ_IN_LEDGER = [
  'gate.json',
  'orders.json',
  'capacity.json',
  'open/*',
  'claims/*',
  'attempts/*',
  'status/*',
  'sessions/*',
];

function conditionOf(place: InMemoryPipeline, { pipeline }: Named): Pick<Statement, 'Condition'> {
  const own = { 'aws:ResourceTag/lamplighter:pipeline': pipeline };
  switch (place) {
    case 'toAdmit':
      return { Condition: { Null: { 's3:if-none-match': 'false' } } };
    case 'instance':
      return { Condition: { StringEquals: own } };
    case 'orders':
      return {
        Condition: {
          StringEquals: own,
          'ForAllValues:StringEquals': { 'aws:TagKeys': ['lamplighter:hold', 'lamplighter:pause'] },
          Null: { 'aws:TagKeys': 'false' },
        },
      };
    default:
      return {};
  }
}
