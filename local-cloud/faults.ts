/** What becomes of commands that were running when an instance died; FACTS of real agents: all of these happen. */
export type CommandsAtCrash =
  /** They end as Failed, at once. */
  | 'failed'
  /** They run again after the next boot, once. */
  | 'resubmitted'
  /** Nobody ever hears of them again: they stay InProgress. */
  | 'forgotten';

/** What an end-to-end test can make go wrong, and what it can count. */
export interface Faults {
  commandsAtCrash: CommandsAtCrash;
  /** While it is set, no agent reports after its instance's launch. */
  agentsAreMute: boolean;
  /** Loses the next `count` notifications of buckets whose name holds `-<bucketKind>-`. */
  dropNotifications(bucketKind: string, count: number): void;
  /** Delivers the next `count` notifications twice; of one kind of bucket, or of any. */
  duplicateNotifications(count: number, bucketKind?: string): void;
  /** SIGKILLs the drain and nothing else. Resolves to whether there was one. */
  killDrain(instanceId: string): boolean;
  /** Kills everything on the instance, which is stopped at once. */
  crashInstance(instanceId: string): void;
  /** EC2 takes a spot instance away. */
  interruptSpot(instanceId: string): void;
  /** EC2 brings back the spot instance that it has taken away. */
  bringBackSpot(instanceId: string): void;
  /** Fires every schedule now. */
  sweepNow(): Promise<void>;
  /** How often a function has been run, retries included. */
  invocations(functionName: string): number;
  /** Events on their way to a function and asynchronous invocations that have not ended, retries included. */
  readonly deliveries: number;
  /** StartInstances that really started something, and StopInstances that really stopped something. */
  readonly startCalls: number;
  readonly stopCalls: number;
}

/** Which notifications are to be lost or doubled. */
export class NotificationFaults {
  private readonly drops: { bucketKind: string; count: number }[] = [];
  private readonly duplicates: { bucketKind: string | undefined; count: number }[] = [];

  drop(bucketKind: string, count: number): void {
    this.drops.push({ bucketKind, count });
  }

  duplicate(count: number, bucketKind: string | undefined): void {
    this.duplicates.push({ bucketKind, count });
  }

  takeDrop(bucket: string): boolean {
    return take(this.drops, bucket);
  }

  takeDuplicate(bucket: string): boolean {
    return take(this.duplicates, bucket);
  }
}

function take(faults: { bucketKind: string | undefined; count: number }[], bucket: string): boolean {
  const fault = faults.find(
    ({ bucketKind, count }) => count > 0 && (bucketKind === undefined || bucket.includes(`-${bucketKind}-`)),
  );
  if (!fault) return false;
  fault.count -= 1;
  return true;
}
