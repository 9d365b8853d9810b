/** A weakness that a reviewer should know before the deploy. */
export interface Finding {
  readonly rule: string;
  readonly address: string;
  /** The weakness and its fix, for people. */
  readonly text: string;
  /** The deployed pipeline does not have this weakness. */
  readonly isNew: boolean;
}

/** A finding, not yet compared with the deployed pipeline. */
export type Found = Omit<Finding, 'isNew'>;
