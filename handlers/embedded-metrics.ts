import { Metrics as EmbeddedMetrics } from '@aws-lambda-powertools/metrics';
import { METRIC_NAMESPACE, METRIC_UNITS, type Metrics } from '../lifecycle/metrics';

/**
 * Metrics as lines of the function's log, in CloudWatch's embedded metric format. They need no call and no permission, and
 * cannot fail. Each value has its own line, because CloudWatch would average several values in one line.
 */
export function embeddedMetrics(pipeline: string): Metrics {
  const embedded = new EmbeddedMetrics({ namespace: METRIC_NAMESPACE, serviceName: pipeline });
  return (name, value) => {
    embedded.addMetric(name, METRIC_UNITS[name], value);
    embedded.publishStoredMetrics();
  };
}
