import type { Configuration, ResourceChange, TerraformPlan } from './terraform-plan';

type Block = Readonly<Record<string, unknown>>;

/**
 * One resource as it is before or will be after a plan. What Terraform does not know yet (a policy that names new
 * resources, for example) is taken from the configuration, where it stands with references: `${aws_s3_bucket.data.arn}`.
 */
export class PlannedResource {
  constructor(
    readonly address: string,
    readonly type: string,
    readonly name: string,
    private readonly values: Block,
    private readonly configured: Block,
  ) {}

  /** Whether the configuration, or a state whose configuration is gone, gives the argument a value. */
  says(argument: string): boolean {
    const isConfigured = Object.keys(this.configured).length > 0;
    return (isConfigured ? this.configured : this.values)[argument] !== undefined;
  }

  get(argument: string): unknown {
    return this.values[argument] ?? this.configured[argument];
  }

  text(argument: string): string | undefined {
    const value = this.get(argument);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  number(argument: string): number | undefined {
    const value = this.get(argument);
    return typeof value === 'number' ? value : undefined;
  }

  /** Nested blocks: Terraform lists them even where there can only be one. */
  blocks(argument: string): Block[] {
    return [this.get(argument)]
      .flat()
      .filter((block): block is Block => typeof block === 'object' && block !== null);
  }

  /** Whether an argument means another resource: by a reference to it, or by the same value. */
  refersTo(argument: string, other: PlannedResource, otherArgument: string): boolean {
    const configured = this.configured[argument];
    if (typeof configured === 'string' && configured.includes(`\${${other.address}.`)) return true;
    const value = this.text(argument);
    return value !== undefined && value === other.text(otherArgument);
  }
}

/** Everything that exists after a plan was applied. */
export function resourcesAfter(plan: TerraformPlan, configuration: Configuration): PlannedResource[] {
  return select(plan, configuration, ({ change }) => change.after);
}

/** Everything that exists now, as far as Terraform knows. */
export function resourcesBefore(plan: TerraformPlan, configuration: Configuration): PlannedResource[] {
  return select(plan, configuration, ({ change }) => change.before);
}

function select(
  plan: TerraformPlan,
  { resource: configured }: Configuration,
  valuesOf: (change: ResourceChange) => Block | null | undefined,
): PlannedResource[] {
  return plan.resource_changes.flatMap((resource) => {
    const values = valuesOf(resource);
    if (resource.mode !== 'managed' || !values) return [];
    const { address, type, name } = resource;
    return [new PlannedResource(address, type, name, values, configured[type]?.[name] ?? {})];
  });
}
