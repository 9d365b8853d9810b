/** A permission that a call needs. IAM decides about each action on each resource separately. */
export interface Permission {
  /** As policies name it: `s3:GetObject`. */
  readonly action: string;
  /** An ARN, or `*` for an action that does not support resource-level permissions. */
  readonly resource: string;
  readonly context: Context;
  /** The instance whose tags are part of the context. */
  readonly instanceId?: string;
}

export type Context = Readonly<Record<string, string | string[]>>;
