/** Where CloudWatch keeps them, and by what they are told apart: one dimension, whose value is the pipeline's name. */
export const METRIC_NAMESPACE = 'Lamplighter';
export const METRIC_DIMENSION = 'service';

/**
 * What operators watch, with CloudWatch's unit. Each is a custom metric that is paid for in the hours in which it is
 * written: at rest that is OpenJobs alone.
 */
export const METRIC_UNITS = {
  /** Written by every sweep that came to its end, and by nothing else: its absence says that no sweep did. */
  OpenJobs: 'Count',
  /** By a sweep that finds jobs open: for how long the oldest has been. */
  OldestOpenSeconds: 'Seconds',
  /** 1 by each sweep that finds the instance on, or coming up, with nothing open. */
  OnWithNothingOpen: 'Count',
  /** 1 each time that the breaker stops and pauses the pipeline. */
  BreakerTrips: 'Count',
  JobsSucceeded: 'Count',
  JobsFailed: 'Count',
  /** From the upload to the beginning of the attempt that counts. */
  WaitSeconds: 'Seconds',
  /** What the model itself took. */
  RunSeconds: 'Seconds',
} as const;

export type MetricName = keyof typeof METRIC_UNITS;

/** Takes one value of a metric. Handed in like the log; where nobody watches, there is none. */
export type Metrics = (name: MetricName, value: number) => void;
