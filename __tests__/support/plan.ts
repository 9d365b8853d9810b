import { z } from 'zod';

/** A resource as planned. */
export interface PlannedResource {
  readonly address: string;
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const planSchema = z.looseObject({
  planned_values: z.looseObject({
    root_module: z.looseObject({
      resources: z
        .array(
          z.looseObject({ address: z.string(), type: z.string(), values: z.record(z.string(), z.unknown()) }),
        )
        .min(1),
    }),
  }),
});

/** The resources in the output of `terraform show -json` for a plan. */
export function resourcesIn(plan: unknown): PlannedResource[] {
  return planSchema.parse(plan).planned_values.root_module.resources;
}
