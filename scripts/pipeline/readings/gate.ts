import { GATE_KEY } from '../../../lifecycle/job';
import { type Gate, gateSchema } from '../../../lifecycle/records';
import type { Store } from '../../../lifecycle/store';
import { type ReadResult, readRecord } from './records';

/** Undefined: the gate has never been opened. */
export async function readGate(control: Store): Promise<ReadResult<Gate> | undefined> {
  return readRecord(control, GATE_KEY, gateSchema);
}
