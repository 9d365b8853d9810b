/** How long the local cloud lets things take, in milliseconds. */
export interface Timings {
  /** An instance is `pending` this long. */
  readonly startMs: number;
  /** From `running` until the SSM agent has registered. */
  readonly agentMs: number;
  /** An instance is `stopping`, or `shutting-down`, this long. */
  readonly stopMs: number;
  /** Every schedule of EventBridge fires this often, whatever its rate says. */
  readonly sweepMs: number;
  /** From an upload, or a change of state, until its event arrives. */
  readonly notificationMs: number;
  /** Before the first retry of an asynchronous invocation; before the second it is twice this. */
  readonly lambdaRetryMs: number;
}

/** Short enough to be watched, long enough to be seen. */
export const timingsForPeople: Timings = {
  startMs: 4_000,
  agentMs: 1_500,
  stopMs: 3_000,
  sweepMs: 60_000,
  notificationMs: 400,
  lambdaRetryMs: 5_000,
};

export const timingsForTests: Timings = {
  startMs: 300,
  agentMs: 150,
  stopMs: 400,
  sweepMs: 20_000,
  notificationMs: 20,
  lambdaRetryMs: 200,
};
