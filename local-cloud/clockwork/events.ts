/** The status of an SSM command, or of one step of it. */
export type CommandStatus = 'Pending' | 'InProgress' | 'Success' | 'Failed' | 'TimedOut' | 'Cancelled';

/** A thing that happened, without its time. Each kind has its own details. */
export type Happening = { readonly text: string } & (
  | { readonly kind: 'instance'; readonly instanceId: string; readonly state: string }
  | { readonly kind: 'agent'; readonly instanceId: string; readonly pingStatus: string }
  | {
      readonly kind: 'command';
      readonly commandId: string;
      readonly instanceId: string;
      readonly documentName: string;
      readonly status: CommandStatus;
    }
  /** One line that a step of a command wrote. */
  | {
      readonly kind: 'output';
      readonly commandId: string;
      readonly instanceId: string;
      readonly stream: 'stdout' | 'stderr';
    }
  | {
      readonly kind: 'notification';
      readonly bucket: string;
      readonly key: string;
      readonly functionName: string;
      readonly outcome: 'delivered' | 'dropped' | 'refused';
    }
  /** An EventBridge rule matched. */
  | { readonly kind: 'event'; readonly rule: string; readonly detailType: string }
  | {
      readonly kind: 'function';
      readonly functionName: string;
      readonly requestId: string;
      readonly phase: 'invoked' | 'succeeded' | 'failed';
    }
  /** One line that a function wrote. */
  | { readonly kind: 'log'; readonly functionName: string; readonly requestId: string }
  /** IAM denied a call. */
  | { readonly kind: 'denied'; readonly role: string; readonly action: string; readonly resource: string }
  /** The local cloud could not do something as AWS would. */
  | { readonly kind: 'warning' }
);

/** A thing that happened in the local cloud. `at` is ISO 8601. */
export type CloudEvent = Happening & { readonly at: string };

/** Called with each thing that happens in the local cloud. */
export type Report = (happening: Happening) => void;

/** An event on EventBridge's default bus. */
export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: unknown;
}

/** What the delivery of events to functions needs. */
export interface InvokesFunctions {
  /** Begins an asynchronous invocation of a function. */
  readonly invokeLater: (functionName: string, payload: Buffer) => void;
  /** Whether a function's policy lets a service invoke it for the resource `sourceArn`. */
  readonly mayInvoke: (functionName: string, service: string, sourceArn: string) => Promise<boolean>;
}

/** Puts an event on the default bus. */
export type Publish = (event: BusEvent) => void;
