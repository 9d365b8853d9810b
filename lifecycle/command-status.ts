/**
 * Statuses of an SSM command that ended without success.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
 */
export const FAILED_COMMAND_STATUSES: readonly string[] = [
  'Failed',
  'TimedOut',
  'Cancelled',
  'Undeliverable',
  'Terminated',
  'Incomplete',
];

/** Statuses of an SSM command that ended, with or without success. */
export const ENDED_COMMAND_STATUSES: readonly string[] = ['Success', ...FAILED_COMMAND_STATUSES];
