import type { Fault } from './faults';
import type { RuleId } from './rules';

/** A change that removes or weakens one rule of the production code. It replaces one piece of text, which exists once. */
export interface Mutation {
  readonly name: string;
  /** The rule that the mutation removes. */
  readonly rule: RuleId;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
  /** The faults that catch the mutation, if a search with all faults takes too long. @default all */
  readonly faults?: readonly Fault[];
  /** Why no check catches the mutation: another rule does the same work. */
  readonly redundant?: string;
}

/** How wake chooses the start that decides whether it invokes the worker. */
const DECIDING = `if (decisiveStart === undefined || decisiveStart.was === 'pending' || start.was === 'stopped') {
      decisiveStart = start;
    }`;

/** How the breaker looks once more before it stops. */
const TRIPPING = `const closing = await moveGate(control, gate, 'CLOSING', context);
  const reading = await instance.read();
  if (reading.hold !== undefined || (await liveClaims(context)).length > 0 || (await trip?.hasNewWork())) {`;

/** A check must catch each mutation. If none does, the rule is redundant or the simulator is blind. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no second list after CLOSING',
    rule: 'S4',
    file: 'lifecycle/settle.ts',
    text: '  if (await anyWork(context, jobs)) {\n    await moveGate(control, closing',
    replacement: '  if (await Promise.resolve(false)) {\n    await moveGate(control, closing',
  },
  {
    name: 'no third list after CLOSED',
    rule: 'S5',
    file: 'lifecycle/settle.ts',
    text: '  if (!(await anyWork(context, jobs))) return',
    replacement: '  if (await Promise.resolve(true)) return',
  },
  {
    name: 'a live CLOSING is taken over',
    rule: 'S2',
    file: 'lifecycle/settle.ts',
    text: 'if (!isAbandoned(context, gate)) return',
    replacement: 'if (isAbandoned(context, gate) && false) return',
    faults: ['call slow', 'call late', 'command event twice'],
  },
  {
    name: 'a dead CLOSING is left while jobs are open',
    rule: 'S2',
    file: 'lifecycle/settle.ts',
    text: 'if (!isAbandoned(context, gate)) return',
    replacement: 'if (!isAbandoned(context, gate) || (await anyWork(context, jobs))) return',
  },
  {
    name: 'a dead CLOSING is never taken over',
    rule: 'S2',
    file: 'lifecycle/settle.ts',
    text: 'return ageMs > (',
    replacement: 'return ageMs > Infinity * (',
  },
  {
    name: 'settle does not retire finished jobs',
    rule: 'S1',
    file: 'lifecycle/settle.ts',
    text: 'const retirement = await retire(context, jobId);',
    replacement: "const retirement = (await Promise.resolve('open')) as string;",
  },
  {
    name: "people's hold is not heeded",
    rule: 'S3',
    file: 'lifecycle/settle.ts',
    text: 'if (hold !== undefined) {',
    replacement: 'if (hold === "") {',
    faults: ['person holds'],
  },
  {
    name: 'the gate opens before the start is accepted',
    rule: 'W2',
    file: 'lifecycle/wake.ts',
    text: `const start = await context.instance.start();
    // An earlier start of this call stands, and needs its worker.
    if (start.refused === 'shortage') return { isOpen: false, start: decisiveStart ?? start };
    if (start.refused) return { isOpen: false, start };
    ${DECIDING}
    if (gate.state === 'OPEN')`,
    replacement: `if (gate.state !== 'OPEN') {
      try {
        await moveGate(context.control, gate, 'OPEN', context);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        continue;
      }
    }
    const start = await context.instance.start();
    if (start.refused) return { isOpen: false, start };
    ${DECIDING}
    if (Boolean(start))`,
  },
  {
    name: 'wake does not leave a CLOSING gate to the closer',
    rule: 'W3',
    file: 'lifecycle/wake.ts',
    text: "if (gate.state === 'CLOSING') return { isOpen: false, start: decisiveStart };",
    replacement: '',
    faults: ['call slow'],
  },
  {
    name: 'a start of its own is forgotten when the gate has moved',
    rule: 'W6',
    file: 'lifecycle/wake.ts',
    text: DECIDING,
    replacement: 'decisiveStart = start;',
  },
  {
    // The closer sleeps first. Without the sleep a search needs some ten million histories to find the moment.
    name: 'the breaker does not look for work that was done meanwhile',
    rule: 'B4',
    file: 'lifecycle/breaker.ts',
    text: TRIPPING,
    replacement: `if (trip) await context.clock.sleep(30_000);
  const closing = await moveGate(control, gate, 'CLOSING', context);
  const reading = await instance.read();
  if (reading.hold !== undefined || (await liveClaims(context)).length > 0) {`,
  },
  {
    name: 'the breaker looks for work before it writes CLOSING, not after',
    rule: 'B3',
    file: 'lifecycle/breaker.ts',
    text: TRIPPING,
    replacement: `const worked = (await liveClaims(context)).length > 0 || (await trip?.hasNewWork());
  if (trip) await context.clock.sleep(30_000);
  const closing = await moveGate(control, gate, 'CLOSING', context);
  const reading = await instance.read();
  if (reading.hold !== undefined || worked) {`,
  },
  {
    name: "people's pause is not heeded",
    rule: 'W1',
    file: 'lifecycle/wake.ts',
    text: 'if (reading.pause !== undefined) return',
    replacement: "if (reading.pause === '') return",
    faults: ['person pauses'],
  },
  {
    name: 'the receipt is not looked for before admission',
    rule: 'A2',
    file: 'lifecycle/admit.ts',
    text: 'if (await context.output.exists(receiptKey(upload.key, jobId))) {',
    replacement: 'if (await Promise.resolve(false)) {',
  },
  {
    name: 'no nonce: an own success met as 412 is not recognised',
    rule: 'N1',
    file: 'lifecycle/store.ts',
    text: 'return present?.text === text ?',
    replacement: 'return present?.text === `${text}!` ?',
    faults: ['answer lost'],
  },
  {
    name: "worker does not look at the agent's last ping",
    rule: 'C1',
    file: 'lifecycle/dispatch.ts',
    text: 'lastPing !== undefined && lastPing > launchTime',
    replacement: 'lastPing !== undefined || launchTime > new Date(0)',
  },
  {
    name: 'worker does not look for a live command',
    rule: 'C2',
    file: 'lifecycle/dispatch.ts',
    text: 'if (await drainUnderWay(context, launchTime)) {',
    replacement: 'void drainUnderWay;\n    if (await Promise.resolve(false)) {',
  },
  {
    name: 'worker looks at the first page of commands only',
    rule: 'C2',
    file: 'lifecycle/dispatch.ts',
    text: 'token = page.NextToken;',
    replacement: 'token = undefined;',
  },
  {
    name: 'worker takes a command of an earlier launch for a live one',
    rule: 'C2',
    file: 'lifecycle/dispatch.ts',
    text: 'value: wholeSeconds(launchTime)',
    replacement: 'value: wholeSeconds(new Date(launchTime.getTime() - 86_400_000))',
  },
  {
    name: 'no breaker',
    rule: 'B1',
    file: 'lifecycle/settle.ts',
    text: 'if (end && (await breakerTrips(context, gate, end)))',
    replacement: 'void breakerTrips;\n    if (end && (await Promise.resolve(false)))',
  },
  {
    name: 'the breaker does not look for live claims',
    rule: 'B3',
    file: 'lifecycle/breaker.ts',
    text: '(await liveClaims(context)).length > 0 || (await trip',
    replacement: '(await trip',
  },
  {
    name: 'the breaker does not forget when a wake-up was fruitful',
    rule: 'B2',
    file: 'lifecycle/breaker.ts',
    text: '      fruitless: 0,\n      progressMark: trace.etag,',
    replacement: '      progressMark: trace.etag,',
    redundant: 'one history in 20,000 showed it, and now none of 30,000 does; breaker.test.ts has the case',
  },
  {
    name: 'no audit',
    rule: 'U1',
    file: 'lifecycle/settle.ts',
    text: "cause.kind === 'sweep' ? await audit(context) : undefined",
    replacement: "cause.kind === 'receipt' ? await audit(context) : undefined",
  },
  {
    name: 'the audit stops after its first page',
    rule: 'U2',
    file: 'lifecycle/audit.ts',
    text: 'if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return undefined;',
    replacement: 'if (page.IsTruncated !== undefined || page.NextKeyMarker === undefined) return undefined;',
  },
  {
    name: 'drain does not look for a receipt before it begins',
    rule: 'D2',
    file: 'runner/begin.ts',
    text: "if (names.includes('receipt.json')) {",
    replacement: "if (names.includes('')) {",
  },
  {
    name: 'drain reads the gate only after its claim',
    rule: 'D3',
    file: 'runner/begin.ts',
    text: "if ((await readGate(control)).state !== 'OPEN') return { kind: 'gate-closed' };",
    replacement: '',
  },
  {
    name: 'drain reads the gate only before its claim',
    rule: 'D4',
    file: 'runner/begin.ts',
    text: '({ state } = await readGate(control));',
    replacement: "state = (await Promise.resolve('OPEN')) as string;",
    redundant: 'the moment between the two reads is rare: one history in 150,000; drain.test.ts has the case',
  },
  {
    name: 'drain never reads the gate',
    rule: 'D4',
    file: 'runner/begin.ts',
    text: "import { readGate } from '../lifecycle/gate';",
    replacement:
      "const readGate = (_control: unknown) => Promise.resolve({ state: 'OPEN' as 'OPEN' | 'CLOSED' });",
  },
  {
    name: 'the open record is deleted before the receipt is written',
    rule: 'D11',
    file: 'runner/attempt.ts',
    text: '    await publishReceipt(context, job, facts,',
    replacement: `    await deleteRecords(context, job.jobId);
    await publishReceipt(context, job, facts,`,
  },
  {
    name: 'receipts are overwritten',
    rule: 'D12',
    file: 'runner/receipt.ts',
    text: 'if (await output.create(receiptKey(input.key, jobId), receipt)) return true;',
    replacement: `await output.overwrite(receiptKey(input.key, jobId), { ...receipt, nonce: 'n' });
    if (Boolean(receipt)) return true;`,
  },
  {
    name: 'attempts are not bounded',
    rule: 'D8',
    file: 'lifecycle/attempts.ts',
    text: 'return attemptsIn(ended.filter(isFailure));',
    replacement: 'return 0 * attemptsIn(ended.filter(isFailure));',
  },
  {
    name: 'a failed model is retried whatever its card says',
    rule: 'D9',
    file: 'runner/attempt.ts',
    text: 'card.retryOnFailure ? AttemptFailure : JobFailure;',
    replacement: 'card ? AttemptFailure : JobFailure;',
    faults: ['model fails'],
  },
  {
    name: 'a failed model is not retried though its card says so',
    rule: 'D9',
    file: 'runner/attempt.ts',
    text: 'card.retryOnFailure ? AttemptFailure : JobFailure;',
    replacement: 'card ? JobFailure : AttemptFailure;',
    faults: ['model fails'],
  },
  {
    name: 'a model runs beyond its time limit',
    rule: 'D10',
    file: 'runner/attempt.ts',
    text: 'timeLimitSeconds: card.timeLimitMinutes * 60,',
    replacement: 'timeLimitSeconds: card.timeLimitMinutes * 180,',
    faults: ['model hangs'],
  },
  {
    name: 'whoever meets the instance pending invokes worker as well',
    rule: 'W5',
    file: 'lifecycle/wake.ts',
    text: "if (start && start.was !== 'pending') await",
    replacement: 'if (start) await',
    faults: [],
  },
  {
    name: 'worker is invoked five times over',
    rule: 'W5',
    file: 'lifecycle/wake.ts',
    text: "if (start && start.was !== 'pending') await worker.invoke(reason, jobIds);",
    replacement: `if (start && start.was !== 'pending') {
    for (let times = 0; times < 5; times += 1) await worker.invoke(reason, jobIds);
  }`,
  },
  {
    name: 'the records of a finished job stay',
    rule: 'D13',
    file: 'runner/begin.ts',
    text: `  await control.delete(claimKey(jobId));
  if (hasAttempts) await control.delete(attemptsKey(jobId));
  await control.delete(statusKey(jobId));
`,
    replacement: `  void claimKey;
  void attemptsKey;
  void statusKey;
  void hasAttempts;
`,
  },
  {
    name: "the idle timer does not heed people's hold",
    rule: 'T1',
    file: 'runner/idle.ts',
    text: "return hold !== 'held' && now",
    replacement: "return String(hold) !== '' && now",
    faults: ['person holds', 'command lost', 'agent deaf'],
  },
  {
    name: 'a claim of a dead drain of this machine is not dead',
    rule: 'D6',
    file: 'runner/claim.ts',
    text: "return machine === self.machineId ? 'dead' : 'held';",
    replacement: "return machine === '' ? 'dead' : 'held';",
  },
  {
    name: 'a claim of another machine is dead',
    rule: 'D5',
    file: 'runner/claim.ts',
    text: "return machine === self.machineId ? 'dead' : 'held';",
    replacement: "return machine !== '' ? 'dead' : 'held';",
    redundant: 'the simulator has one machine; drain.test.ts has the case',
  },
  {
    name: 'a job that takes the machine down boots it again and again',
    rule: 'D16',
    file: 'runner/verdict.ts',
    text: 'if (deathsAloneInARow(ended) >= MAX_DEATHS_ALONE) {',
    replacement: 'if (deathsAloneInARow(ended) >= Infinity) {',
  },
  {
    name: 'a job that is interrupted again and again never ends',
    rule: 'D16',
    file: 'runner/verdict.ts',
    text: 'if (interruptionsInARow(ended) >= maxInterruptions) {',
    replacement: 'if (interruptionsInARow(ended) >= maxInterruptions * Infinity) {',
  },
  {
    name: 'no pause after an attempt that came to nothing',
    rule: 'D17',
    file: 'runner/backoff.ts',
    text: 'return Math.min(retryPauseSeconds * 1000 * 2 **',
    replacement: 'return 0.2 * Math.min(retryPauseSeconds * 1 * 2 **',
  },
  {
    name: 'the wait for a killed program has no bound',
    rule: 'D20',
    file: 'runner/run-program.ts',
    text: 'await Promise.race([ended, clock.sleep(seconds * 1000)]);',
    replacement: 'await Promise.race([ended, clock.sleep(seconds * 1e9)]);',
  },
  {
    name: "a machine's death counts although no part looked for its reason",
    rule: 'D21',
    file: 'runner/post-mortem.ts',
    text: 'if (!stop) return notLookedUp;',
    replacement: "if (!stop) return { ...went, death: 'alone' };",
  },
  {
    name: 'a stop that a function explains counts as a death',
    rule: 'D21',
    file: 'runner/post-mortem.ts',
    text: "if (stop.by !== 'unknown' && stop.by !== 'machine')",
    replacement: "if (String(stop.by) === 'never')",
    redundant: 'three explained deaths in a row without a note are too rare; endings.test.ts has the case',
  },
  {
    name: 'a receipt is tried once',
    rule: 'D24',
    file: 'runner/persist.ts',
    text: 'if (!mayPass || signal.aborted) throw error;',
    replacement: 'if (!mayPass || Boolean(signal)) throw error;',
  },
  {
    name: 'a shutdown is not noted',
    rule: 'D26',
    file: 'runner/drain.ts',
    text: "context.interrupt.addEventListener('abort', note, { once: true });",
    replacement: 'void note;',
    redundant: 'the drain also releases its claims; only an outage of S3 at the same moment needs the note',
  },
  {
    name: 'jobs run beside each other after a death',
    rule: 'D27',
    file: 'runner/begin.ts',
    text: 'const isAlone = mustRunAlone(ended);',
    replacement: 'const isAlone = mustRunAlone(ended) && false;',
    faults: ['job takes the machine down', 'slow boot'],
  },
  {
    name: "trouble of S3 counts as the model's failure",
    rule: 'D28',
    file: 'runner/ending.ts',
    text: "if (isWeather(thrown)) return { ...none, cause: 'weather' };",
    replacement: "if (isWeather(thrown)) return { ...none, cause: 'model' };",
  },
  {
    name: "a full disk counts as the model's failure",
    rule: 'D28',
    file: 'runner/ending.ts',
    text: "return { ...none, cause: 'machine', why };",
    replacement: "return { ...none, cause: 'model', why };",
    faults: ['disk full', 'slow boot'],
  },
  {
    name: 'the end of a program in a shutdown counts as its own',
    rule: 'D29',
    file: 'runner/program-ends.ts',
    text: 'if (await host.isShuttingDown()) return',
    replacement: 'if ((await host.isShuttingDown()) && Boolean(end.timedOut)) return',
  },
  {
    name: 'attempts begin in a shutdown',
    rule: 'D29',
    file: 'runner/drain.ts',
    text: 'if (await this.isShuttingDown()) {',
    replacement: 'if (Boolean(this.hasNotedShutdown) && (await this.isShuttingDown())) {',
    redundant: 'a program that begins in a shutdown is given back too; endings.test.ts has the case',
  },
  {
    name: "a wrapper's failure counts as the program's",
    rule: 'D30',
    file: 'runner/program-ends.ts',
    text: 'if (!end.hasBegun) {',
    replacement: 'if (!end.hasBegun && end.timedOut) {',
  },
  {
    name: "a SIGTERM from outside counts as the model's failure",
    rule: 'D31',
    file: 'runner/program-ends.ts',
    text: "const REQUESTS_TO_END = ['SIGHUP', 'SIGINT', 'SIGTERM'];",
    replacement: "const REQUESTS_TO_END = ['SIGHUP', 'SIGINT'];",
  },
  {
    name: 'the first untraced SIGKILL is not forgiven',
    rule: 'D32',
    file: 'runner/program-ends.ts',
    text: 'end.memory.ranOut || wasKilledBefore ||',
    replacement: 'end.memory.ranOut || wasKilledBefore || wasKilledBefore === false ||',
  },
  {
    name: 'each untraced SIGKILL is forgiven',
    rule: 'D32',
    file: 'runner/attempt.ts',
    text: 'killFromOutside(end, this.wasKilledBefore())',
    replacement: 'killFromOutside(end, this.wasKilledBefore() && false)',
  },
  {
    name: 'a lease is not renewed',
    rule: 'D7',
    file: 'runner/lease.ts',
    text: 'this.renewals = this.renewUntilStopped();',
    replacement: 'this.renewals = Promise.resolve();',
  },
  {
    name: 'drain leaves no trace for the breaker',
    rule: 'D14',
    file: 'runner/trace.ts',
    text: 'await control.overwrite(DRAIN_STATUS_KEY, status);',
    replacement: 'void control; void DRAIN_STATUS_KEY; void status; await Promise.resolve();',
  },
  {
    name: "drain does not clear an earlier one's leftovers",
    rule: 'D15',
    file: 'runner/drain.ts',
    text: 'await context.host.clearLeftovers();',
    replacement: '',
  },
  {
    name: 'trigger does not wake for what it has admitted',
    rule: 'A3',
    file: 'handlers/trigger.ts',
    text: 'if (open.length > 0) await wakeFor(context, open)',
    replacement: 'if (open.length > 1000) await wakeFor(context, open)',
  },
  {
    name: 'the gate opens though EC2 has refused the start',
    rule: 'W4',
    file: 'lifecycle/wake.ts',
    text: 'if (start.refused) return { isOpen: false, start };\n    if (decisiveStart',
    replacement: 'if (decisiveStart',
    redundant: 'a drain on a machine that goes down begins no attempt (D29), so nothing is killed any more',
  },
  {
    name: 'a start whose answer was lost is taken for one that found the instance pending',
    rule: 'W7',
    file: 'lifecycle/instance.ts',
    text: "was === 'pending' && ($metadata.attempts ?? 1) > 1",
    replacement: "was === 'pending' && ($metadata.attempts ?? 1) > 1000",
    faults: ['answer lost', 'call slow'],
  },
  {
    name: 'a gate that was not open is opened again after a late job',
    rule: 'S6',
    file: 'lifecycle/settle.ts',
    text: "const before = gate.state === 'OPEN' ? 'OPEN' : 'CLOSED';",
    replacement: "const before = 'OPEN';",
    redundant:
      'the moment needs a stop whose answer was lost and a late job; 36,000 histories have not met it, a longer run once did',
  },
  {
    name: 'a gate that was taken over is opened without a start',
    rule: 'S6',
    file: 'lifecycle/settle.ts',
    text: "if (gate.state === 'CLOSING') gate = await moveGate(context.control, gate, 'CLOSED', context);",
    replacement:
      "if (gate.state === 'CLOSING') gate = await moveGate(context.control, gate, 'OPEN', context);",
    redundant: 'the moment needs a closer that died after its stop; 36,000 histories have not met it',
  },
  {
    name: 'each receipt of a long list wakes anew',
    rule: 'S7',
    file: 'lifecycle/settle.ts',
    text: "if ((await readGate(context.control)).state === 'OPEN') return { did: 'nothing' };",
    replacement: '',
    redundant:
      'it only saves calls and starts: the second start finds the instance running, and the worker a live command',
  },
  {
    name: 'a gate that moved fails the function',
    rule: 'S8',
    file: 'lifecycle/settle.ts',
    text: "if (!(error instanceof ConflictError)) throw error;\n    log.info('left",
    replacement: "if (String(error) !== '') throw error;\n    log.info('left",
  },
  {
    name: 'ends within a minute count one by one',
    rule: 'B5',
    file: 'lifecycle/breaker.ts',
    text: 'if (sinceLastMs < ONE_WAKE_UP_MS || lastEnd === id)',
    replacement: 'void ONE_WAKE_UP_MS;\n  if (lastEnd === id)',
  },
  {
    name: 'a paused instance that is on stays on',
    rule: 'B6',
    file: 'lifecycle/settle.ts',
    text: "if (woke === 'paused' && (await stopIfPaused(context)))",
    replacement: 'void stopIfPaused;\n    if (await Promise.resolve(false))',
    redundant: 'the idle timer switches such a machine off, too, ten minutes later',
  },
  {
    name: 'a silent metadata service ends the hold at once',
    rule: 'T3',
    file: 'runner/idle.ts',
    text: "<= ANSWER_COUNTS_SECONDS ? last.hold : 'unknown';",
    replacement: "<= 0 * ANSWER_COUNTS_SECONDS ? last.hold : 'unknown';",
    faults: ['hold unreadable', 'person holds', 'command lost'],
  },
  {
    name: "the card's bounds are not pinned",
    rule: 'A4',
    file: 'lifecycle/admit.ts',
    text: 'record, pinnedBounds(model))',
    replacement: 'record, pinnedBounds({} as typeof model))',
  },
  {
    name: 'the idle timer never shuts down',
    rule: 'T2',
    file: 'runner/idle.ts',
    text: 'now - idleSince > idleShutdownMinutes * 60_000',
    replacement: 'now - idleSince > idleShutdownMinutes * Infinity',
  },
  {
    name: 'a record is replaced without a condition',
    rule: 'N3',
    file: 'lifecycle/store.ts',
    text: ': { IfMatch: etag };',
    replacement: ': {};',
    redundant:
      'two writers of one record at the same moment: one history in 500,000 showed it; the contract suites have the case',
  },
  {
    name: 'a record is created over another',
    rule: 'N2',
    file: 'lifecycle/store.ts',
    text: "return (await this.putIf(key, record, { IfNoneMatch: '*' }, metadata)) !== undefined;",
    replacement: 'return (await this.putIf(key, record, {}, metadata)) !== undefined;',
  },
  {
    name: 'a sweep ends the tail of a drain that lingers',
    rule: 'L2',
    file: 'lifecycle/linger.ts',
    text: 'lingerSeconds + REPORT_SECONDS',
    replacement: '0 * lingerSeconds + REPORT_SECONDS',
    faults: ['sweep missed'],
  },
  {
    name: 'a sweep overtakes the report of a drain that has ended',
    rule: 'L3',
    file: 'lifecycle/linger.ts',
    text: 'lingerSeconds + REPORT_SECONDS',
    replacement: 'lingerSeconds + 0 * REPORT_SECONDS',
    faults: ['sweep missed'],
  },
  {
    name: 'one record that S3 refuses stops the settle',
    rule: 'S10',
    file: 'lifecycle/settle.ts',
    text: "log.error('a job counts as open: its records cannot be read'",
    replacement:
      "if (context) throw error;\n      log.error('a job counts as open: its records cannot be read'",
    redundant: 'an outage of the simulator ends, and then a later sweep settles',
  },
  {
    name: 'no stop is noted',
    rule: 'W8',
    file: 'lifecycle/stops.ts',
    text: 'await control.create(stopKey(launchedAt), stop);',
    replacement: 'void control; void stopKey; await Promise.resolve();',
  },
  {
    name: 'each trigger of a burst calls EC2',
    rule: 'W9',
    file: 'lifecycle/wake-request.ts',
    text: 'if (isYoung(request, clock.now()) &&',
    replacement: 'if (isYoung(request, clock.now() + REQUEST_MS * 2) &&',
    faults: [],
  },
  {
    name: 'a request counts although the gate has closed since',
    rule: 'W9',
    file: 'lifecycle/wake-request.ts',
    text: "if (request.gate === (gate.etag ?? '')) return true;",
    replacement: "if (request.gate !== '!') return true;",
    faults: [],
  },
  {
    name: 'the start of another trigger does not count for the gate that it has opened',
    rule: 'W9',
    file: 'lifecycle/wake-request.ts',
    text: "return gate.state === 'OPEN' && gate.record?.by === request.by;",
    replacement: 'return false;',
    faults: [],
  },
  {
    name: 'a trigger calls EC2 beside a live claim',
    rule: 'W10',
    file: 'lifecycle/wake-request.ts',
    text: "if (gate.state === 'OPEN' && (await anyLiveClaim(context)))",
    replacement: 'void anyLiveClaim;\n    if (await Promise.resolve(false))',
    faults: [],
  },
  {
    name: 'a start without capacity fails the function',
    rule: 'W11',
    file: 'lifecycle/wake.ts',
    text: "if (start?.refused === 'shortage') return leaveToSweep(context, start.shortage, reason);",
    replacement: "if (start?.refused === 'shortage') throw new Error(start.shortage.code);",
    faults: ['no capacity'],
  },
  {
    name: 'an ordered pause is heeded only when EC2 shows its tag',
    rule: 'W12',
    file: 'lifecycle/wake.ts',
    text: 'if (ordered !== undefined) return',
    replacement: "if (ordered === '') return",
  },
  {
    name: 'a pause that people end by hand stays in the orders',
    rule: 'W13',
    file: 'lifecycle/orders.ts',
    text: 'if (isSame || isYoung || isNewer) return;',
    replacement: 'if (isSame || isYoung || isNewer || pause === undefined) return;',
  },
  {
    name: 'a start that EC2 has undone is repeated at once',
    rule: 'S12',
    file: 'lifecycle/settle.ts',
    text: 'if (await isUndoneStart(context, cause)) return',
    replacement: 'void isUndoneStart;\n    if (await Promise.resolve(false)) return',
    faults: ['start falls back'],
  },
  {
    name: "the breaker counts EC2's own stops",
    rule: 'B8',
    file: 'lifecycle/breaker.ts',
    text: "if (state === 'stopped' && stateReason?.code.startsWith('Server.') === true)",
    replacement: "if (state === 'stopped' && stateReason?.code === '')",
  },
  {
    name: 'an audit checks as many versions as a page has',
    rule: 'U3',
    file: 'lifecycle/audit.ts',
    text: 'isCut = checked === PAGE_CHECKS ||',
    replacement: 'isCut = checked === PAGE_VERSIONS ||',
    redundant: 'it bounds the cost of one sweep; a history has too few uploads to exceed it',
  },
];
