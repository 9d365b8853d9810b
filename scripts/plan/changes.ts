import { type Difference, UNKNOWN, differences, isMask, isRecord } from './differences';
import type { Names } from './names';
import { isPolicyArgument } from './policies';
import type { Configuration, ResourceChange, TerraformPlan } from './terraform-plan';

export type ChangeKind = 'create' | 'update' | 'replace' | 'destroy' | 'forget';

/** The change that an apply would make to one resource. */
export interface Change {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly kind: ChangeKind;
  /** Only of an update or a replacement. Policies are left out: `PolicyChange` describes them. */
  readonly differences: readonly Difference[];
  /** The arguments that force a replacement. */
  readonly because: readonly string[];
  /** The resource was changed outside Terraform since the last apply, and this change undoes that. */
  readonly hasDrifted: boolean;
}

/** The changes of a plan, in the plan's order. */
export function changesOf(plan: TerraformPlan, configuration: Configuration, names: Names): Change[] {
  const drifted = new Map(plan.resource_drift.map((resource) => [resource.address, resource]));
  return plan.resource_changes.flatMap((resource): Change[] => {
    const kind = kindOf(resource);
    if (kind === undefined) return [];
    const { address, type, name, change } = resource;
    const configured = configuration.resource[type]?.[name] ?? {};
    const changed =
      kind === 'update' || kind === 'replace' ? argumentDifferences(resource, configured, names) : [];
    const because = (change.replace_paths ?? []).map((path) => path.join('.'));
    const hasDrifted = kind === 'update' && undoesDrift(drifted.get(address), changed);
    return [{ address, type, name, kind, differences: changed, because, hasDrifted }];
  });
}

/** Whether the plan changes an argument that was changed outside Terraform. */
function undoesDrift(drift: ResourceChange | undefined, planned: readonly Difference[]): boolean {
  const drifted = new Set(drift && differencesIn(drift).map(({ path }) => path));
  return planned.some(({ path }) => drifted.has(path));
}

/** Undefined: the resource stays as it is, or Terraform only reads it. */
function kindOf({ mode, change: { actions } }: ResourceChange): ChangeKind | undefined {
  if (mode === 'data') return undefined;
  if (actions.length === 2) return 'replace';
  const [action] = actions;
  if (action === 'delete') return 'destroy';
  return action === 'create' || action === 'update' || action === 'forget' ? action : undefined;
}

/** Whether the apply destroys a resource. A replacement destroys it too. */
export function isDestroyed(resource: ResourceChange): boolean {
  return resource.mode === 'managed' && resource.change.actions.includes('delete');
}

type Block = Readonly<Record<string, unknown>>;

/**
 * The arguments that differ. For a value that is known after the apply only, the result shows the configuration's text, for
 * example a reference. Arguments that the configuration does not set are left out if they only follow from other arguments.
 */
function argumentDifferences(resource: ResourceChange, configured: Block, names: Names): Difference[] {
  const { type, change } = resource;
  const unknown = (change.after_unknown ?? {}) as Block;
  const after: Record<string, unknown> = { ...change.after };
  const known: Record<string, unknown> = { ...unknown };
  for (const [argument, mask] of Object.entries(unknown)) {
    const configuredValue = configured[argument];
    if (!isMask(mask) || configuredValue === undefined) continue;
    after[argument] = inShapeOf(change.before?.[argument], resolved(configuredValue, names));
    known[argument] = false;
  }
  return differencesIn({ ...resource, change: { ...change, after, after_unknown: known } }).filter(
    ({ path, after: text }) => {
      const argument = path.split(/[.[]/)[0] ?? '';
      // The provider copies tags into tags_all.
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
  if (Array.isArray(value)) return value.map((element: unknown) => resolved(element, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, resolved(element, names)]));
}

/**
 * The configured value in the shape that Terraform's state has. The state holds a list of blocks where the configuration may
 * hold a single block. A block of the state also holds values that the configuration does not set.
 */
function inShapeOf(before: unknown, configured: unknown): unknown {
  if (!Array.isArray(before)) return configured;
  return [configured].flat().map((block: unknown, index) => {
    const earlier: unknown = before[index];
    return isRecord(earlier) && isRecord(block) ? { ...earlier, ...block } : block;
  });
}
