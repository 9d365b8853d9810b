import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MadePlan } from '../../../../scripts/plan/make-plan';
import {
  type ResourceChange,
  readConfiguration,
  readTerraformPlan,
} from '../../../../scripts/plan/terraform-plan';
import { type Review, reviewOf } from '../../../../scripts/plan/review';
import { loadPrices } from '../../../../scripts/prices/prices';

export type Recorded = 'fresh' | 'settings';

export type Values = Record<string, unknown>;

/** A plan that Terraform once made. Each call reads the file again, so that a test may change its copy. */
export function recorded(name: Recorded): MadePlan {
  const file = join(__dirname, '..', '..', '..', 'fixtures', 'plans', `${name}.json`);
  const { plan, configuration } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  return {
    plan: readTerraformPlan(JSON.stringify(plan)),
    configuration: readConfiguration(JSON.stringify(configuration)),
  };
}

export function review(made: MadePlan, region = 'eu-central-1'): Review {
  return reviewOf({ ...made, pipeline: 'puppets', region, prices: loadPrices() });
}

export function resource(made: MadePlan, address: string): ResourceChange {
  const found = made.plan.resource_changes.find((one) => one.address === address);
  if (!found) throw new Error(`the plan has no ${address}`);
  return found;
}

/** The values of a resource after the apply. A test may change them. */
export function planned(made: MadePlan, address: string): Values {
  const { after } = resource(made, address).change;
  if (!after) throw new Error(`the plan leaves no ${address}`);
  return after;
}

export function remove(made: MadePlan, address: string): MadePlan {
  const left = made.plan.resource_changes.filter((one) => one.address !== address);
  return { ...made, plan: { ...made.plan, resource_changes: left } };
}

/** The plan creates one more resource. */
export function add(made: MadePlan, type: string, name: string, values: Values): MadePlan {
  const change = {
    actions: ['create' as const],
    before: null,
    after: values,
    after_unknown: {},
    before_sensitive: false,
    after_sensitive: {},
  };
  const created = { address: `${type}.${name}`, mode: 'managed' as const, type, name, change };
  return {
    plan: { ...made.plan, resource_changes: [...made.plan.resource_changes, created] },
    configuration: configurationWith(made, type, name, values),
  };
}

/** Parts of a resource's change; `configured` holds the arguments that the configuration now gives it. */
export type Edit = Partial<ResourceChange['change']> & { readonly configured?: Values };

/** The plan does something else with one resource. */
export function change(made: MadePlan, address: string, { configured, ...edit }: Edit): MadePlan {
  const { type, name } = resource(made, address);
  const resource_changes = made.plan.resource_changes.map((one) =>
    one.address === address ? { ...one, change: { ...one.change, ...edit } } : one,
  );
  return {
    plan: { ...made.plan, resource_changes },
    configuration:
      configured === undefined ? made.configuration : configurationWith(made, type, name, configured),
  };
}

/** Terraform finds that a resource has become different outside Terraform. */
export function drift(made: MadePlan, address: string, edit: Partial<ResourceChange['change']>): MadePlan {
  const { change: planned, ...rest } = resource(made, address);
  const drifted = { ...rest, change: { ...planned, actions: ['update' as const], ...edit } };
  const others = made.plan.resource_drift.filter((one) => one.address !== address);
  return { ...made, plan: { ...made.plan, resource_drift: [...others, drifted] } };
}

function configurationWith({ configuration }: MadePlan, type: string, name: string, values: Values) {
  const ofType = configuration.resource[type] ?? {};
  return {
    resource: {
      ...configuration.resource,
      [type]: { ...ofType, [name]: { ...ofType[name], ...values } },
    },
  };
}
