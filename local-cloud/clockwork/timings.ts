/** Durations in the local cloud, in milliseconds. */
export interface Timings {
  /** Duration of `pending`. */
  readonly startMs: number;
  /** Duration of the first `pending` of an instance, while the deployment waits for it. */
  readonly launchMs: number;
  /** Time from `running` to the registration of the SSM agent. */
  readonly agentMs: number;
  /** Duration of `stopping` and of `shutting-down`. */
  readonly stopMs: number;
  /** Time from EC2's notice to a spot instance until its stop, on a machine that can show the notice. */
  readonly spotNoticeMs: number;
  /** Interval of every EventBridge schedule; the schedule's own rate is ignored. */
  readonly sweepMs: number;
  /** Time from an upload, or a change of state, to the delivery of its event. */
  readonly notificationMs: number;
  /** Delay before the first retry of an asynchronous invocation. The delay before the second is twice as long. */
  readonly lambdaRetryMs: number;
}

/** Short enough to wait for, and long enough to watch. */
export const timingsForPeople: Timings = {
  startMs: 4_000,
  launchMs: 0,
  agentMs: 1_500,
  stopMs: 3_000,
  spotNoticeMs: 12_000,
  sweepMs: 60_000,
  notificationMs: 400,
  lambdaRetryMs: 5_000,
};

export const timingsForTests: Timings = {
  startMs: 300,
  launchMs: 300,
  agentMs: 150,
  stopMs: 400,
  spotNoticeMs: 2_000,
  sweepMs: 20_000,
  notificationMs: 20,
  lambdaRetryMs: 200,
};
