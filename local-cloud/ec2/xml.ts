import { XMLParser } from 'fast-xml-parser';
import { escapeXml } from '../wire/answer';

/** EC2's codes of the states of an instance. */
export const STATE_CODES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

export type InstanceState = keyof typeof STATE_CODES;

/** Why an instance is off, in EC2's words. */
export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/** Our facts about an instance, which replace moto's. */
export interface InstanceFacts {
  readonly state: InstanceState;
  /** ISO 8601. */
  readonly launchTime: string;
  readonly stateReason: StateReason | undefined;
  /** Undefined for an on-demand instance. */
  readonly spot?: { readonly id: string } | undefined;
}

interface InstanceItem {
  readonly instanceId: string;
  instanceState?: { code: string; name: string };
  launchTime?: string;
  stateReason?: StateReason;
  instanceLifecycle?: string;
  spotInstanceRequestId?: string;
  groupSet?: unknown;
  readonly networkInterfaceSet?: { readonly item?: readonly { readonly groupSet?: unknown }[] } | '';
  readonly iamInstanceProfile?: { readonly arn?: string };
  readonly tagSet?: { readonly item?: readonly { readonly key: string; readonly value: string }[] } | '';
}

interface Document {
  readonly DescribeInstancesResponse?: { reservationSet: { item?: ReservationItem[] | undefined } | '' };
  readonly RunInstancesResponse?: ReservationItem;
  readonly DescribeInstanceStatusResponse?: { instanceStatusSet: { item?: InstanceItem[] } | '' };
}

interface ReservationItem {
  instancesSet: { item?: InstanceItem[] } | '';
}

const parser = new XMLParser({
  ignoreAttributes: false,
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => name === 'item',
});

/**
 * Rewrites moto's answer to DescribeInstances, RunInstances or DescribeInstanceStatus. Every instance gets the state and
 * launch time of `factsOf`. Instances that `isWanted` refuses are left out.
 */
export function rewriteInstances(
  xml: string,
  factsOf: (instanceId: string) => InstanceFacts | undefined,
  isWanted: (facts: InstanceFacts) => boolean = () => true,
): string {
  const document = parser.parse(xml) as Document;
  for (const set of setsOf(document)) {
    set.item = set.item?.filter((instance) => {
      fillGroups(instance);
      const facts = factsOf(instance.instanceId);
      if (!facts) return true;
      instance.instanceState = { code: String(STATE_CODES[facts.state]), name: facts.state };
      if (instance.launchTime !== undefined) {
        instance.launchTime = facts.launchTime;
        if (facts.stateReason) instance.stateReason = facts.stateReason;
        else delete instance.stateReason;
      }
      // moto makes a spot instance without a record that it is one.
      if (facts.spot) {
        instance.instanceLifecycle = 'spot';
        instance.spotInstanceRequestId = facts.spot.id;
      }
      return isWanted(facts);
    });
  }
  const reservations = document.DescribeInstancesResponse?.reservationSet;
  if (typeof reservations === 'object') {
    reservations.item = reservations.item?.filter(
      ({ instancesSet }) => typeof instancesSet === 'object' && (instancesSet.item?.length ?? 0) > 0,
    );
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${render(document)}`;
}

/** Adds the security groups to the instance, as EC2 does. moto names them at the network interface only. */
function fillGroups(instance: InstanceItem): void {
  const interfaces = instance.networkInterfaceSet;
  if (instance.groupSet !== '' || typeof interfaces !== 'object') return;
  instance.groupSet = interfaces.item?.[0]?.groupSet ?? '';
}

/** The instances in an answer, each with the ARN of its profile if it has one. */
export function instancesIn(xml: string): { instanceId: string; profileArn: string | undefined }[] {
  return setsOf(parser.parse(xml) as Document)
    .flatMap((set) => set.item ?? [])
    .map(({ instanceId, iamInstanceProfile }) => ({ instanceId, profileArn: iamInstanceProfile?.arn }));
}

/** The tags of the first instance in an answer. */
export function instanceTagsIn(xml: string): Record<string, string> {
  const [instance] = setsOf(parser.parse(xml) as Document).flatMap((set) => set.item ?? []);
  const tags = typeof instance?.tagSet === 'object' ? (instance.tagSet.item ?? []) : [];
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

/** The items of a list in an answer. The path leads from the root's child to the list, through the items of lists. */
export function setIn(xml: string, path: readonly string[]): Readonly<Record<string, unknown>>[] {
  type Items = Readonly<Record<string, { readonly item?: Items } | ''>>[];
  let items = Object.values(parser.parse(xml) as object).filter((each) => typeof each === 'object') as Items;
  for (const name of path) {
    items = items.flatMap((each) => {
      const set = each[name];
      return typeof set === 'object' ? (set.item ?? []) : [];
    });
  }
  return items;
}

/** The answer to StartInstances, StopInstances and TerminateInstances. */
export function stateChanges(
  operation: string,
  changes: readonly { instanceId: string; previous: InstanceState; current: InstanceState }[],
): string {
  const state = (name: InstanceState) => `<code>${STATE_CODES[name]}</code><name>${name}</name>`;
  const items = changes.map(
    ({ instanceId, previous, current }) =>
      `<item><instanceId>${instanceId}</instanceId><currentState>${state(current)}</currentState>` +
      `<previousState>${state(previous)}</previousState></item>`,
  );
  return (
    `<${operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>local</requestId>` +
    `<instancesSet>${items.join('')}</instancesSet></${operation}Response>`
  );
}

function setsOf(document: Document): { item?: InstanceItem[] | undefined }[] {
  const reservations = document.DescribeInstancesResponse?.reservationSet;
  const sets = [
    ...(typeof reservations === 'object' ? (reservations.item ?? []) : []).map((item) => item.instancesSet),
    document.RunInstancesResponse?.instancesSet,
    document.DescribeInstanceStatusResponse?.instanceStatusSet,
  ];
  return sets.filter((set): set is { item?: InstanceItem[] } => typeof set === 'object');
}

/** Converts a parsed document to XML. The only attribute in moto's answers is the root's namespace. */
function render(value: object): string {
  return Object.entries(value)
    .filter(([name]) => !name.startsWith('?') && !name.startsWith('@_'))
    .flatMap(([name, content]: [string, unknown]) => [content].flat().map((each) => element(name, each)))
    .join('');
}

function element(name: string, content: unknown): string {
  if (typeof content === 'string') return `<${name}>${escapeXml(content)}</${name}>`;
  if (typeof content !== 'object' || content === null) return `<${name}/>`;
  const namespace = '@_xmlns' in content ? ` xmlns="${escapeXml(String(content['@_xmlns']))}"` : '';
  return `<${name}${namespace}>${render(content)}</${name}>`;
}
