/** Two settings that do not go together, each of which would do alone. */
export interface Objection {
  /** The setting to change. */
  readonly setting: string;
  /** What may stand there, given the others. */
  readonly allowed: string;
}

/** Whether somebody wrote this setting down, whatever its default. */
export function isGiven(entry: unknown, setting: string): boolean {
  return typeof entry === 'object' && entry !== null && setting in entry;
}
