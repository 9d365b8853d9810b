import { XMLParser } from 'fast-xml-parser';
import { escapeXml } from '../wire/answer';

/** Codes of an instance's states, as EC2's API has them. */
export const STATE_CODES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

export type InstanceState = keyof typeof STATE_CODES;

/** What we say about an instance instead of moto. */
export interface InstanceFacts {
  readonly state: InstanceState;
  /** ISO 8601. */
  readonly launchTime: string;
  /** Undefined for an instance that is paid for on demand. */
  readonly spot?: { readonly id: string } | undefined;
}

interface InstanceItem {
  readonly instanceId: string;
  instanceState?: { code: string; name: string };
  launchTime?: string;
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
 * Rewrites moto's answer to DescribeInstances, RunInstances or DescribeInstanceStatus: every instance gets the state and
 * launch time that `factsOf` knows, and an instance that `isWanted` refuses is left out.
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
      if (instance.launchTime !== undefined) instance.launchTime = inSeconds(facts.launchTime);
      // moto makes a spot instance, and forgets what it was.
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

/** moto names an instance's security groups at its network interface only; EC2 does at the instance as well. */
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

/** The parser's own form of a document back to XML; moto's answers have no attribute but the root's namespace. */
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

/** EC2 knows whole seconds only. */
function inSeconds(time: string): string {
  return `${time.slice(0, 19)}.000Z`;
}
