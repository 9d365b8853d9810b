import { z } from 'zod';
import { BrokenError } from '../console/exit';

/*
 * The parts of `terraform show -json PLAN` that a review reads.
 * https://developer.hashicorp.com/terraform/internals/json-format
 */

const values = z.record(z.string(), z.unknown());

const changeSchema = z.looseObject({
  actions: z.array(z.enum(['no-op', 'create', 'read', 'update', 'delete', 'forget'])),
  before: values.nullish(),
  after: values.nullish(),
  /** Has `true` in place of each value that is known after the apply only. */
  after_unknown: z.unknown(),
  /** Has `true` in place of each value that must not be shown. */
  before_sensitive: z.unknown(),
  after_sensitive: z.unknown(),
  /** The arguments that force a replacement. */
  replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
});

const resourceChangeSchema = z.looseObject({
  address: z.string(),
  mode: z.enum(['managed', 'data']),
  type: z.string(),
  name: z.string(),
  change: changeSchema,
});

export type ResourceChange = z.infer<typeof resourceChangeSchema>;

const planSchema = z.looseObject({
  terraform_version: z.string(),
  resource_changes: z.array(resourceChangeSchema).default([]),
  /** Resources that were changed outside Terraform since the last apply. */
  resource_drift: z.array(resourceChangeSchema).default([]),
  output_changes: z.record(z.string(), z.looseObject({ actions: z.array(z.string()) })).default({}),
});

export type TerraformPlan = z.infer<typeof planSchema>;

/** Parses a plan. Throws BrokenError when it does not have the shape that Terraform 1.5 to 1.x prints. */
export function readTerraformPlan(text: string): TerraformPlan {
  try {
    return planSchema.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new BrokenError(`terraform show printed a plan that cannot be parsed: ${why}`, { cause });
  }
}

/** The synthesized configuration. A value that the plan does not know yet is a reference here. */
const configurationSchema = z.looseObject({
  resource: z.record(z.string(), z.record(z.string(), values)).default({}),
});

export type Configuration = z.infer<typeof configurationSchema>;

export function readConfiguration(text: string): Configuration {
  return configurationSchema.parse(JSON.parse(text));
}
