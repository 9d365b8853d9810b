/** One thing that a call needs permission for: IAM decides about each action on each resource by itself. */
export interface Ask {
  /** As policies name it: `s3:GetObject`. */
  readonly action: string;
  /** An ARN, or `*` for an action that knows no resources. */
  readonly resource: string;
  readonly context: Context;
  /** The instance whose tags belong into the context. */
  readonly instanceId?: string;
}

export type Context = Readonly<Record<string, string | string[]>>;
