/** The steps that end a local cloud: all of them at a stop, and as a last resort some at our process's exit. */
export class Cleanup {
  private readonly steps: (() => unknown)[] = [];
  private readonly exits: (() => void)[] = [];
  private running: Promise<void> | undefined;

  /** Steps run in the reverse order of their addition. */
  add(step: () => unknown): void {
    this.steps.unshift(step);
  }

  /** Adds a synchronous step: when a process exits, nothing else can be done. */
  atExit(step: () => void): void {
    this.exits.push(step);
    process.once('exit', step);
  }

  /** A second call waits for the first, and does nothing more. */
  run(): Promise<void> {
    this.running ??= this.runAll();
    return this.running;
  }

  /** A step that fails does not stop the others. */
  private async runAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.steps) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    for (const exit of this.exits) {
      exit();
      process.off('exit', exit);
    }
    if (errors.length > 0) throw new AggregateError(errors, 'The local cloud did not stop cleanly.');
  }
}
