/** A rule of docs/ARCHITECTURE.md, "Rules". */
export interface Rule {
  /** The rule in one sentence. */
  readonly text: string;
  /** The file with the line that keeps the rule. A comment there cites the rule's number. */
  readonly file: string;
  /** Why no mutation removes the rule, or why no check catches its removal. */
  readonly untested?: string;
}

/**
 * Every rule by its number: A admit, W wake, C dispatch (command), D drain, S settle, L linger, B breaker, U audit,
 * T idle timer, N record store. Each has a mutation that removes it and a check that catches that, or a reason.
 */
export const RULES = {
  A1: {
    text: 'Skip an upload that no model accepts.',
    file: 'lifecycle/admit.ts',
    untested: 'An open record pins its model, so without a model there is no record to write.',
  },
  A2: { text: 'Skip an upload whose receipt exists.', file: 'lifecycle/admit.ts' },
  A3: { text: 'Wake for the open jobs of an event, after their records exist.', file: 'handlers/trigger.ts' },
  A4: {
    text: "Pin the bounds of the model's card in the open record.",
    file: 'lifecycle/admit.ts',
  },

  W1: { text: 'If the pipeline is paused, do not start the instance.', file: 'lifecycle/wake.ts' },
  W2: { text: 'Open the gate only after EC2 has accepted a start.', file: 'lifecycle/wake.ts' },
  W3: { text: 'Leave a CLOSING gate to its closer.', file: 'lifecycle/wake.ts' },
  W4: { text: 'If EC2 refuses the start, leave the gate as it is.', file: 'lifecycle/wake.ts' },
  W5: {
    text: 'Invoke the worker once, unless the start found the instance pending.',
    file: 'lifecycle/wake.ts',
  },
  W6: {
    text: 'A start that found the instance stopped decides, even if the gate moved afterwards.',
    file: 'lifecycle/wake.ts',
  },
  W7: { text: 'If the SDK retried the start, invoke the worker too.', file: 'lifecycle/instance.ts' },
  W8: {
    text: 'At a start and before a stop, note why the instance stopped after its last launch.',
    file: 'lifecycle/stops.ts',
  },
  W9: {
    text: 'Of the triggers that find the gate in the same version, one asks EC2 in two minutes. Its start counts for the gate that it opens.',
    file: 'lifecycle/wake-request.ts',
  },
  W10: {
    text: 'A trigger asks EC2 nothing behind an OPEN gate with a live claim.',
    file: 'lifecycle/wake-request.ts',
  },
  W11: {
    text: 'If EC2 has no capacity or throttles the account, no function fails: the sweep asks again.',
    file: 'lifecycle/wake.ts',
  },
  W12: {
    text: 'If orders.json holds a pause, do not start the instance, and ask EC2 nothing.',
    file: 'lifecycle/wake.ts',
  },
  W13: {
    text: 'The sweep copies a pause that people set or end by the tag alone.',
    file: 'lifecycle/orders.ts',
  },

  C1: { text: 'Send a command only after a ping since the last launch.', file: 'lifecycle/dispatch.ts' },
  C2: {
    text: 'Send no command while one that was sent since the last launch is under way.',
    file: 'lifecycle/dispatch.ts',
  },
  C3: {
    text: 'No parameter of the command holds anything from a user.',
    file: 'lifecycle/dispatch.ts',
    untested: 'The SSM document has no parameter. The check "no command names an upload" reads each command.',
  },

  D1: {
    text: 'One drain at a time: it holds the lock of the machine, and waits for it.',
    file: 'runner/drain.ts',
    untested:
      'drain.sh takes the lock with flock. The simulator has a lock of its own, the end-to-end tests the real one.',
  },
  D2: { text: 'If the receipt exists, delete the records and begin nothing.', file: 'runner/begin.ts' },
  D3: {
    text: 'Read the gate after the list has shown the job. Begin only behind OPEN.',
    file: 'runner/begin.ts',
  },
  D4: {
    text: 'Read the gate again after the claim, and give the claim back unless it is OPEN.',
    file: 'runner/begin.ts',
  },
  D5: {
    text: 'Leave a job with a claim of another machine alone, until its release or its lease.',
    file: 'runner/claim.ts',
  },
  D6: {
    text: 'A claim of another drain of this machine is dead: this drain holds the lock.',
    file: 'runner/claim.ts',
  },
  D7: { text: 'Renew the lease while the attempt runs.', file: 'runner/lease.ts' },
  D8: {
    text: 'No more than maxAttempts attempts that the model itself ended.',
    file: 'lifecycle/attempts.ts',
  },
  D9: { text: 'Retry a failed model only if its card says so.', file: 'runner/attempt.ts' },
  D10: { text: 'End the model at its time limit.', file: 'runner/attempt.ts' },
  D11: {
    text: 'Upload the outputs, create the receipt, then delete the open record.',
    file: 'runner/attempt.ts',
  },
  D12: { text: 'Create the receipt, never replace it.', file: 'runner/receipt.ts' },
  D13: { text: 'Delete claim and status of a finished job.', file: 'runner/begin.ts' },
  D14: {
    text: 'Leave a trace of work when a program begins and at each receipt.',
    file: 'runner/trace.ts',
  },
  D15: {
    text: 'End the processes and remove the folders that an earlier drain left.',
    file: 'runner/drain.ts',
  },
  D16: {
    text: 'End a job that took the machine down three times alone, or was interrupted maxInterruptions times in a row.',
    file: 'runner/verdict.ts',
  },
  D17: {
    text: 'Pause after an attempt that came to nothing: each job, and all jobs after three in a row.',
    file: 'runner/backoff.ts',
  },
  D18: {
    text: 'Give up when no attempt has reached its program for an hour.',
    file: 'runner/backoff.ts',
    untested: 'An outage of the simulator ends within half an hour. endings.test.ts has the case.',
  },
  D19: {
    text: 'Try a setup that fails again for ten minutes.',
    file: 'runner/prepare.ts',
    untested: 'A setup that fails is a reason to fail a job, sooner or later. drain.test.ts has the case.',
  },
  D20: { text: 'Bound the wait for the end of a killed program.', file: 'runner/run-program.ts' },
  D21: {
    text: "Count a machine's death only if its reason was looked up and there is none.",
    file: 'runner/post-mortem.ts',
  },
  D22: {
    text: 'Leave an open record of a newer release to a newer drain.',
    file: 'runner/begin.ts',
    untested: 'The simulator has one release. drain.test.ts has the case.',
  },
  D23: {
    text: 'Never use a number of an attempt again.',
    file: 'runner/begin.ts',
    untested: 'Nobody deletes a receipt in the simulator. endings.test.ts has the case.',
  },
  D24: {
    text: 'Repeat the upload and the receipt of a model that has ended until S3 takes them.',
    file: 'runner/persist.ts',
  },
  D25: {
    text: 'End a job whose input S3 refuses for a day, while it reads others.',
    file: 'runner/attempt.ts',
    untested: 'No history lasts for a day. endings.test.ts has the case.',
  },
  D26: { text: 'Note a shutdown on the disk, for the next drain.', file: 'runner/drain.ts' },
  D27: {
    text: 'After an unexplained death of the machine, run its jobs one at a time.',
    file: 'runner/begin.ts',
  },
  D28: {
    text: 'Only an end that is known to be of the model counts as its failure.',
    file: 'runner/ending.ts',
  },
  D29: {
    text: 'While the machine shuts down, begin no attempt, and take no end of a program for its own.',
    file: 'runner/program-ends.ts',
  },
  D30: {
    text: 'An end before the program has begun, or an unknown end, is the wrapper’s.',
    file: 'runner/program-ends.ts',
  },
  D31: {
    text: 'SIGTERM, SIGINT and SIGHUP that the drain did not send are not the program’s doing.',
    file: 'runner/program-ends.ts',
  },
  D32: {
    text: 'SIGKILL from where nobody can tell is forgiven once.',
    file: 'runner/program-ends.ts',
  },
  D33: {
    text: 'End what an earlier drain left behind only under the lock, and by its cgroup.',
    file: 'runner/machine.ts',
    untested: 'The simulator has no cgroups. The end-to-end tests on the systemd machine have them.',
  },

  S1: { text: 'Delete open records whose receipt exists.', file: 'lifecycle/settle.ts' },
  S2: {
    text: 'Take an abandoned CLOSING over, whether or not jobs are open, and no other.',
    file: 'lifecycle/settle.ts',
  },
  S3: { text: 'Do not stop an instance that people hold.', file: 'lifecycle/settle.ts' },
  S4: {
    text: 'List the open jobs again after CLOSING was written, and stop only if there is none.',
    file: 'lifecycle/settle.ts',
  },
  S5: {
    text: 'List the open jobs once more after the CLOSING has ended, and wake for them.',
    file: 'lifecycle/settle.ts',
  },
  S6: {
    text: 'A closer that did not find the gate OPEN writes CLOSED where it would write OPEN.',
    file: 'lifecycle/settle.ts',
  },
  S7: {
    text: 'On a receipt behind an OPEN gate, do nothing, whether or not jobs are open.',
    file: 'lifecycle/settle.ts',
  },
  S8: {
    text: 'If another function moved the gate, leave the rest to that function.',
    file: 'lifecycle/settle.ts',
  },
  S9: {
    text: 'A failed audit is thrown only after the gate is settled.',
    file: 'lifecycle/settle.ts',
    untested:
      'A fault of the simulator ends, so a later sweep settles the gate. settle.test.ts has the case.',
  },
  S10: {
    text: 'A job whose record S3 refuses counts as open, and stops no settle.',
    file: 'lifecycle/settle.ts',
  },
  S11: {
    text: 'A job of a newer release counts as open for an hour, and then only while its claim is live.',
    file: 'lifecycle/settle.ts',
    untested: 'No history has two releases. settle.test.ts has the cases.',
  },
  S12: {
    text: 'Leave a start that EC2 has undone to the sweep.',
    file: 'lifecycle/settle.ts',
  },

  L1: {
    text: 'The drain stays lingerSeconds after its last work.',
    file: 'runner/drain.ts',
    untested: 'An earlier close costs a start and breaks no invariant. `--economy` compares the costs.',
  },
  L2: {
    text: 'A sweep does not close the gate while the drain may linger.',
    file: 'lifecycle/linger.ts',
  },
  L3: {
    text: 'A sweep leaves a drain the time to report the end of its command.',
    file: 'lifecycle/linger.ts',
  },

  B1: { text: 'Trip after breakerWakeUps wake-ups in a row without work.', file: 'lifecycle/settle.ts' },
  B2: { text: 'New work resets the count.', file: 'lifecycle/breaker.ts' },
  B3: {
    text: 'Do not stop while a claim is live: read the claims after CLOSING was written.',
    file: 'lifecycle/breaker.ts',
  },
  B4: {
    text: 'Do not trip over work that was done meanwhile: read the trace after the claims.',
    file: 'lifecycle/breaker.ts',
  },
  B5: { text: 'Ends within a minute of each other belong to one wake-up.', file: 'lifecycle/breaker.ts' },
  B6: {
    text: 'Stop an instance that is on though paused behind a CLOSED gate.',
    file: 'lifecycle/settle.ts',
  },
  B7: {
    text: "Judge the age of a claim by S3's clock.",
    file: 'lifecycle/ledger.ts',
    untested: 'The difference shows if a clock is wrong by more than a lease. breaker.test.ts has the case.',
  },
  B8: {
    text: 'An end by EC2 itself does not count.',
    file: 'lifecycle/breaker.ts',
  },

  U1: {
    text: 'Each sweep admits the uploads of one page that have neither record nor receipt.',
    file: 'lifecycle/settle.ts',
  },
  U2: { text: 'The audit goes through all pages of the bucket.', file: 'lifecycle/audit.ts' },
  U3: { text: 'A sweep checks at most 100 versions.', file: 'lifecycle/audit.ts' },

  T1: { text: 'The idle timer does not switch a held machine off.', file: 'runner/idle.ts' },
  T2: {
    text: 'The idle timer switches the machine off if no drain has run for a while.',
    file: 'runner/idle.ts',
  },
  T3: {
    text: 'The last answer about the hold counts for ten minutes if the metadata service is silent.',
    file: 'runner/idle.ts',
  },

  N1: {
    text: 'A conditional write recognises its own earlier success by its nonce.',
    file: 'lifecycle/store.ts',
  },
  N2: { text: 'A record that exists is created over by no writer.', file: 'lifecycle/store.ts' },
  N3: { text: 'A record is replaced only as it was read.', file: 'lifecycle/store.ts' },
  N4: {
    text: 'A record of a newer release is neither changed nor deleted.',
    file: 'lifecycle/gate.ts',
    untested:
      'No history has two releases. settle.test.ts, audit.test.ts and session.test.ts have the cases.',
  },
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;
