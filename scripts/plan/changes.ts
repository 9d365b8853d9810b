import { type Difference, UNKNOWN, differences, isMask, isRecord } from './differences';
import type { Names } from './names';
import { isPolicyArgument } from './policies';
import type { Configuration, ResourceChange, TerraformPlan } from './terraform-plan';

export type ChangeKind = 'create' | 'update' | 'replace' | 'destroy' | 'forget';

/** What happens to one resource. */
export interface Change {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly kind: ChangeKind;
  /** Of an update and a replacement; policies, which are shown by themselves, left out. */
  readonly differences: readonly Difference[];
  /** The arguments that force a replacement. */
  readonly because: readonly string[];
  /** It was changed outside Terraform since the last apply. */
  readonly hasDrifted: boolean;
}

/** What a plan does, in the plan's order. Empty: nothing. */
export function changesOf(plan: TerraformPlan, configuration: Configuration, names: Names): Change[] {
  const drifted = new Map(plan.resource_drift.map((resource) => [resource.address, resource]));
  return plan.resource_changes.flatMap((resource): Change[] => {
    const kind = kindOf(resource);
    if (kind === undefined) return [];
    const { address, type, name, change } = resource;
    const configured = configuration.resource[type]?.[name] ?? {};
    const differing =
      kind === 'update' || kind === 'replace' ? argumentDifferences(resource, configured, names) : [];
    return [
      {
        address,
        type,
        name,
        kind,
        differences: differing,
        because: (change.replace_paths ?? []).map((path) => path.join('.')),
        hasDrifted: kind === 'update' && isTheirs(drifted.get(address), differing),
      },
    ];
  });
}

/** Whether one of the arguments that the plan changes has been changed by somebody else. */
function isTheirs(drift: ResourceChange | undefined, planned: readonly Difference[]): boolean {
  const theirs = new Set(drift && differencesIn(drift).map(({ path }) => path));
  return planned.some(({ path }) => theirs.has(path));
}

/** Undefined: nothing happens to it, or it is only read. */
export function kindOf({ mode, change: { actions } }: ResourceChange): ChangeKind | undefined {
  if (mode === 'data') return undefined;
  if (actions.length === 2) return 'replace';
  const [action] = actions;
  if (action === 'delete') return 'destroy';
  return action === 'create' || action === 'update' || action === 'forget' ? action : undefined;
}

/** Whether a resource that is there now will be gone, replaced ones included. */
export function isDestroyed(resource: ResourceChange): boolean {
  return resource.mode === 'managed' && resource.change.actions.includes('delete');
}

type Block = Readonly<Record<string, unknown>>;

/**
 * The arguments that differ. What is only known after the apply is told by what the configuration says: a reference, say;
 * and what nobody configures follows from the rest.
 */
function argumentDifferences(resource: ResourceChange, configured: Block, names: Names): Difference[] {
  const { type, change } = resource;
  const unknown = (change.after_unknown ?? {}) as Block;
  const after: Record<string, unknown> = { ...change.after };
  const known: Record<string, unknown> = { ...unknown };
  for (const [argument, mask] of Object.entries(unknown)) {
    const said = configured[argument];
    if (!isMask(mask) || said === undefined) continue;
    after[argument] = inShapeOf(change.before?.[argument], resolved(said, names));
    known[argument] = false;
  }
  return differencesIn({ ...resource, change: { ...change, after, after_unknown: known } }).filter(
    ({ path, after: text }) => {
      const argument = path.split(/[.[]/)[0] ?? '';
      // tags_all repeats tags.
      if (isPolicyArgument(type, argument) || argument === 'tags_all') return false;
      if (configured[argument] !== undefined) return true;
      return text !== UNKNOWN && !change.actions.includes('delete') && !isMask(unknown[argument]);
    },
  );
}

function differencesIn({ change }: ResourceChange): Difference[] {
  return differences(change.before, change.after, {
    unknown: change.after_unknown,
    beforeSensitive: change.before_sensitive,
    afterSensitive: change.after_sensitive,
  });
}

function resolved(value: unknown, names: Names): unknown {
  if (typeof value === 'string') return names.resolved(value);
  if (Array.isArray(value)) return value.map((one: unknown) => resolved(one, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolved(one, names)]));
}

/**
 * Terraform lists blocks even where there can only be one, the configuration need not; and in them stands much that nobody
 * configures.
 */
function inShapeOf(before: unknown, said: unknown): unknown {
  if (!Array.isArray(before)) return said;
  return [said].flat().map((one: unknown, index) => {
    const block: unknown = before[index];
    return isRecord(block) && isRecord(one) ? { ...block, ...one } : one;
  });
}
