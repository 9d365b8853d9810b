/** The metrics' namespace in CloudWatch and their one dimension. The dimension's value is the pipeline's name. */
export const METRIC_NAMESPACE = 'Lamplighter';
export const METRIC_DIMENSION = 'service';

/**
 * The metrics for operators, with CloudWatch's units. CloudWatch charges for each in the hours in which it is written. While
 * a pipeline is at rest, that is OpenJobs alone.
 */
export const METRIC_UNITS = {
  /** Written by every sweep that settled, and by nothing else. Its absence means that no sweep settled. */
  OpenJobs: 'Count',
  /** Written by a sweep that finds open jobs: the age of the oldest. */
  OldestOpenSeconds: 'Seconds',
  /** 1 for each sweep that finds the instance `running` or `pending` and no job open. */
  OnWithNothingOpen: 'Count',
  /** 1 for each time that the breaker stops and pauses the pipeline. */
  BreakerTrips: 'Count',
  /** 1 for each time that a stop function finds no capacity: EC2 refuses or undoes a start. */
  StartsRefused: 'Count',
  JobsSucceeded: 'Count',
  JobsFailed: 'Count',
  /** From the upload to the claim of the attempt that counts. */
  WaitSeconds: 'Seconds',
  /** From the start of the model to the end of the job. */
  RunSeconds: 'Seconds',
} as const;

export type MetricName = keyof typeof METRIC_UNITS;

/** Called with one value of a metric. Passed as a parameter, like the log. Undefined if the setting `alarms` is false. */
export type Metrics = (name: MetricName, value: number) => void;
