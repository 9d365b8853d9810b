import type { Configuration, TerraformPlan } from './terraform-plan';

type Block = Readonly<Record<string, unknown>>;

/**
 * One resource before or after the apply. A value that Terraform does not know yet is taken from the configuration. There a
 * policy for new resources contains references: `${aws_s3_bucket.data.arn}`.
 */
export class PlannedResource {
  constructor(
    readonly address: string,
    readonly type: string,
    readonly name: string,
    private readonly values: Block,
    private readonly configured: Block,
  ) {}

  /** Whether the configuration sets the argument. For a resource without configuration, whether the state has it. */
  sets(argument: string): boolean {
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

  /** Nested blocks. Terraform's state has a list even for a block that occurs at most once. */
  blocks(argument: string): Block[] {
    return [this.get(argument)]
      .flat()
      .filter((block): block is Block => typeof block === 'object' && block !== null);
  }

  /** Whether an argument refers to another resource, by a reference or by the same value. */
  refersTo(argument: string, other: PlannedResource, otherArgument: string): boolean {
    const configured = this.configured[argument];
    if (typeof configured === 'string' && configured.includes(`\${${other.address}.`)) return true;
    const value = this.text(argument);
    return value !== undefined && value === other.text(otherArgument);
  }
}

/** All resources that exist now according to Terraform, or after the apply. */
export function resourcesIn(
  plan: TerraformPlan,
  { resource: configured }: Configuration,
  when: 'before' | 'after',
): PlannedResource[] {
  return plan.resource_changes.flatMap(({ mode, address, type, name, change }) => {
    const values = change[when];
    if (mode !== 'managed' || !values) return [];
    return [new PlannedResource(address, type, name, values, configured[type]?.[name] ?? {})];
  });
}
