import { Metrics as EmbeddedMetrics } from '@aws-lambda-powertools/metrics';
import { METRIC_NAMESPACE, METRIC_UNITS, type Metrics } from '../lifecycle/metrics';

/**
 * Metrics as lines of the function's log, in CloudWatch's embedded metric format: no call, no permission, nothing to fail.
 * Each value is a line of its own, so that values of one metric in one invocation are not averaged.
 */
export function embeddedMetrics(pipeline: string): Metrics {
  const embedded = new EmbeddedMetrics({ namespace: METRIC_NAMESPACE, serviceName: pipeline });
  return (name, value) => {
    embedded.addMetric(name, METRIC_UNITS[name], value);
    embedded.publishStoredMetrics();
  };
}
