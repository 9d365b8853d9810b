/** A setting that is allowed by itself, but not together with the pipeline's other settings. */
export interface SettingConflict {
  /** The setting to change. */
  readonly setting: string;
  /** The values that the other settings allow. */
  readonly allowed: string;
}

/** Whether cdktf.json contains the setting, even with its default value. */
export function isSet(entry: unknown, setting: string): boolean {
  return typeof entry === 'object' && entry !== null && setting in entry;
}
