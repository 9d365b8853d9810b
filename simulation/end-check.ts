import { CLAIM_PREFIX, DRAIN_STATUS_KEY, OPEN_PREFIX, STATUS_PREFIX, receiptKey } from '../lifecycle/job';
import type { Gate } from '../lifecycle/records';
import { callBounds, type Service } from './call-bounds';
import type { MakeCheck } from './check-list';
import type { Machine } from './machine';
import type { People } from './people';
import type { SimS3 } from './s3';
import type { Wire, WiredWorld } from './wire';

/** All parts that the checks watch. */
export interface CheckedWorld extends WiredWorld {
  readonly machine: Machine;
  readonly wire: Wire;
  readonly people: People;
}

/** The longest time from the upload to the receipt without faults, beside the time of all runs. In milliseconds. */
const PROMPT_MS = 6 * 60_000;

/** Whether nothing can happen any more, but for a gate that a sweep has yet to close. */
export function isQuiet({ s3, instance, functions, machine, people, jobs }: CheckedWorld): boolean {
  return (
    instance.state === 'stopped' &&
    !instance.isInterrupted &&
    functions.pending === 0 &&
    !machine.isDraining &&
    s3.keys('control', OPEN_PREFIX).length === 0 &&
    people.uploads.every(({ accepted, jobId }) => !accepted || jobs.hasReceipt(jobId))
  );
}

export function gateStateIn(s3: SimS3): string {
  const gate = s3.peek('control', 'gate.json');
  return gate ? (JSON.parse(gate.text) as Gate).state : 'CLOSED';
}

/** How long all programs of a history ran, in milliseconds. */
interface ProgramTimes {
  /** How long they ran or may have run. */
  readonly programMs: number;
  /** How long they really ran. */
  readonly ranMs: number;
}

/** Checks what must be true at the end of a history. */
export function checkTheEnd(world: CheckedWorld, times: ProgramTimes, check: MakeCheck): void {
  const { s3, instance, machine, faults } = world;
  checkReceipts(world, times.programMs, check);
  const open = s3.keys('control', OPEN_PREFIX);
  check('the ledger ends empty', open.length === 0, () => open.join(', '));
  const state = gateStateIn(s3);
  const isOff = instance.state === 'stopped' && state === 'CLOSED';
  check('the instance ends stopped, the gate CLOSED', isOff, () => {
    return `the instance is ${instance.state}, the gate ${state}`;
  });
  checkCalls(world, times.ranMs, check);
  // A stop may come after the receipt, while the drain still deletes records. These records expire.
  if (!faults.none || machine.drainsKilled > 0) return;
  const records = [CLAIM_PREFIX, STATUS_PREFIX].flatMap((prefix) => s3.keys('control', prefix));
  const left = records.filter((key) => key !== DRAIN_STATUS_KEY);
  check('nothing is left behind without faults', left.length === 0, () => left.join(', '));
}

function checkReceipts(world: CheckedWorld, programMs: number, check: MakeCheck): void {
  const { s3, people, faults, jobs } = world;
  for (const { key, jobId, accepted, at } of people.uploads) {
    const found = s3.peek('output', receiptKey(key, jobId)) !== undefined;
    check('one receipt for each upload', found === accepted, () => {
      return `${key}, job ${jobId.slice(0, 6)}: ${found ? 'a receipt, though no model accepts the key' : 'no receipt'}`;
    });
    const receiptAt = jobs.receiptAt(jobId);
    if (!faults.none || receiptAt === undefined) continue;
    check('prompt without faults', receiptAt - at <= programMs + PROMPT_MS, () => {
      return `job ${jobId.slice(0, 6)} took ${receiptAt - at} ms`;
    });
  }
}

function checkCalls(world: CheckedWorld, ranMs: number, check: MakeCheck): void {
  const { wire, functions, instance, people, faults, settings, machine } = world;
  const bounds = callBounds({
    uploads: people.uploads.length,
    starts: instance.starts,
    sweeps: functions.sweeps,
    runMinutes: ranMs / 60_000,
    pages: Math.max(1, Math.ceil(people.uploads.length / settings.listPage)),
    outageMinutes: faults.outages.feltMinutes + machine.diskFullMs / 60_000,
    lingerMinutes: settings.lingerSeconds / 60,
    faults: faults.timesStruck + (faults.hasCrashPoint ? 1 : 0),
  });
  for (const service of Object.keys(bounds) as Service[]) {
    const made = wire.counts[service];
    check('calls are bounded in all', made <= bounds[service], () => {
      return `${made} calls to ${service}, ${Math.round(bounds[service])} are allowed`;
    });
  }
}
