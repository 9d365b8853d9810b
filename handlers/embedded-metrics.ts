import { METRIC_DIMENSION, METRIC_NAMESPACE, METRIC_UNITS, type Metrics } from '../lifecycle/metrics';

/**
 * Metrics as lines of the function's log, in CloudWatch's embedded metric format. They need no call and no permission, and
 * cannot fail. Each value has its own line, because CloudWatch would average several values in one line.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embeddedMetrics(pipeline: string): Metrics {
  return (name, value) => {
    const metric = {
      Namespace: METRIC_NAMESPACE,
      Dimensions: [[METRIC_DIMENSION]],
      Metrics: [{ Name: name, Unit: METRIC_UNITS[name] }],
    };
    const line = {
      _aws: { Timestamp: Date.now(), CloudWatchMetrics: [metric] },
      [METRIC_DIMENSION]: pipeline,
      [name]: value,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
}
