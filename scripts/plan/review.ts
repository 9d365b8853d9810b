import { type PipelinePrice, pipelinePrice } from '../prices/pipeline-price';
import type { Prices } from '../prices/prices';
import { billOf } from './bill';
import { type Change, changesOf } from './changes';
import type { Finding } from './finding';
import { findingsOf } from './findings';
import type { MadePlan } from './make-plan';
import { Names } from './names';
import { resourcesIn } from './planned';
import { type PolicyChange, policyChanges } from './policy-changes';

/** Everything that a reviewer needs to know about a plan. */
export interface Review {
  readonly pipeline: string;
  readonly region: string;
  readonly terraformVersion: string;
  readonly changes: readonly Change[];
  /** Names of the outputs that change. */
  readonly outputs: readonly string[];
  /** Addresses of resources that Terraform created and no longer finds. */
  readonly vanished: readonly string[];
  readonly policies: readonly PolicyChange[];
  readonly findings: readonly Finding[];
  readonly price: {
    readonly asOf: string;
    readonly source: string;
    /** Undefined: the price table does not have the region. */
    readonly s3GibMonth: number | undefined;
    /** Undefined: nothing is deployed. */
    readonly before: PipelinePrice | undefined;
    /** Undefined: the apply destroys everything. */
    readonly after: PipelinePrice | undefined;
  };
}

export interface ReviewOptions extends MadePlan {
  readonly pipeline: string;
  readonly region: string;
  readonly prices: Prices;
}

export function reviewOf({ plan, configuration, pipeline, region, prices }: ReviewOptions): Review {
  const before = resourcesIn(plan, configuration, 'before');
  const after = resourcesIn(plan, configuration, 'after');
  const names = new Names(plan);
  const priced = (resources: typeof before) =>
    resources.length === 0 ? undefined : pipelinePrice(billOf(resources), prices.regions[region]);
  return {
    pipeline,
    region,
    terraformVersion: plan.terraform_version,
    changes: changesOf(plan, configuration, names),
    outputs: Object.entries(plan.output_changes)
      .filter(([, { actions }]) => !actions.every((action) => action === 'no-op'))
      .map(([name]) => name),
    vanished: plan.resource_drift
      .filter(({ mode, change }) => mode === 'managed' && change.actions.includes('delete'))
      .map(({ address }) => address),
    policies: policyChanges(before, after, names),
    findings: findingsOf(before, after, names),
    price: {
      asOf: prices.asOf,
      source: prices.source,
      s3GibMonth: prices.regions[region]?.s3GibMonth,
      before: priced(before),
      after: priced(after),
    },
  };
}

/** Whether an apply would change nothing. */
export function isEmpty({ changes, outputs }: Review): boolean {
  return changes.length === 0 && outputs.length === 0;
}
