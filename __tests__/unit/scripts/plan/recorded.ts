import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MadePlan } from '../../../../scripts/plan/make-plan';
import { readConfiguration, readTerraformPlan } from '../../../../scripts/plan/terraform-plan';
import { type Review, reviewOf } from '../../../../scripts/plan/review';
import { loadPrices } from '../../../../scripts/prices/prices';

export type Recorded = 'fresh' | 'settings' | 'model-removed' | 'other-network' | 'other-region';

type Values = Record<string, unknown>;

/** A plan that Terraform once made; each call reads it anew, so that a test may change its own. */
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

/** What a resource will be, to be changed. */
export function planned(made: MadePlan, address: string): Values {
  const found = made.plan.resource_changes.find((resource) => resource.address === address);
  if (!found?.change.after) throw new Error(`the plan has no ${address}`);
  return found.change.after;
}

export function remove(made: MadePlan, address: string): MadePlan {
  const left = made.plan.resource_changes.filter((resource) => resource.address !== address);
  return { ...made, plan: { ...made.plan, resource_changes: left } };
}

/** One resource more that is made. */
export function add(made: MadePlan, type: string, name: string, values: Values): MadePlan {
  const change = {
    actions: ['create' as const],
    before: null,
    after: values,
    after_unknown: {},
    before_sensitive: false,
    after_sensitive: {},
  };
  const resource = { address: `${type}.${name}`, mode: 'managed' as const, type, name, change };
  return {
    plan: { ...made.plan, resource_changes: [...made.plan.resource_changes, resource] },
    configuration: {
      resource: {
        ...made.configuration.resource,
        [type]: { ...made.configuration.resource[type], [name]: values },
      },
    },
  };
}
