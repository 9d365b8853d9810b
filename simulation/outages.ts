import { awsError } from './aws-error';
import type { Service } from './call-bounds';
import type { ProcessKind } from './process';
import type { Random } from './random';

/** The kinds of fault that last for a span of time, and strike each call that they concern. */
export const OUTAGE_FAULTS = ['S3 outage', 'S3 refuses', 'service outage'] as const;

export type OutageFault = (typeof OUTAGE_FAULTS)[number];

type BucketName = 'data' | 'output' | 'control';

/** The calls that an outage concerns. */
interface Place {
  readonly service: Service;
  /** @default all buckets */
  readonly bucket?: BucketName;
  /** The name of an operation of the wire. @default all operations */
  readonly operation?: string;
}

/** Something that a history is likely to do, at which an outage may begin. */
export type Cue = 'a drain begins' | 'a program begins' | 'a program ends';

interface Outage {
  readonly fault: OutageFault;
  readonly callers: 'drain' | 'functions' | 'all';
  readonly place: Place;
  readonly answer: 'unavailable' | 'denied' | 'silence';
  readonly cue: Cue | undefined;
  /** From the cue to the beginning, in milliseconds. */
  readonly lagMs: number;
  readonly lengthMs: number;
  /** In milliseconds since the epoch. Infinity until the cue has come. */
  from: number;
  to: number;
  hasStruck: boolean;
}

const S3_PLACES: readonly Place[] = [
  { service: 's3' },
  { service: 's3', bucket: 'data' },
  { service: 's3', bucket: 'data', operation: 'GET' },
  { service: 's3', bucket: 'output' },
  { service: 's3', bucket: 'output', operation: 'PUT' },
  { service: 's3', bucket: 'control' },
  { service: 's3', bucket: 'control', operation: 'GET' },
  { service: 's3', bucket: 'control', operation: 'LIST' },
];

const SERVICE_PLACES: readonly Place[] = [{ service: 'ec2' }, { service: 'ssm' }, { service: 'lambda' }];

/**
 * Maximum length of all outages of a history together, in milliseconds. An outage of the control bucket that only the drain
 * sees must be shorter than a lease and three times the breaker's silence. The breaker rightly stops a longer one.
 */
const LONGEST_MS = 25 * 60_000;

/** Time after an outage in which a drain's back-off may still last, in milliseconds. */
const AFTERMATH_MS = 5 * 60_000;

interface OutagePlan {
  readonly shape: Random;
  readonly beginning: number;
  /** When faults are over, in milliseconds since the epoch. No outage lasts longer. */
  readonly overAt: number;
  /** Called when an outage strikes its first call. */
  readonly onFirstStrike: (fault: OutageFault) => void;
}

/** The outages of one history: spans of time in which calls of one kind fail until the SDK gives up. */
export class Outages {
  private readonly outages: Outage[] = [];

  constructor(private readonly plan: OutagePlan) {}

  /** Draws one outage of this kind. */
  add(fault: OutageFault): void {
    const { shape, beginning, overAt } = this.plan;
    const planned = this.outages.reduce((sum, { lengthMs }) => sum + lengthMs, 0);
    const isService = fault === 'service outage';
    const cue = shape.pick<Cue | undefined>([
      undefined,
      'a drain begins',
      'a program begins',
      'a program ends',
    ]);
    const lengthMs = Math.min(shape.spread(2_000, LONGEST_MS), LONGEST_MS - planned);
    const from = cue === undefined ? beginning + shape.between(0, overAt - beginning) : Infinity;
    this.outages.push({
      fault,
      callers: isService ? 'functions' : shape.pick(['drain', 'drain', 'functions', 'all'] as const),
      place: shape.pick(isService ? SERVICE_PLACES : S3_PLACES),
      answer: fault === 'S3 refuses' ? 'denied' : shape.pick(['unavailable', 'silence'] as const),
      cue: isService && cue !== undefined ? 'a program ends' : cue,
      lagMs: shape.pick([0, shape.spread(100, 60_000)]),
      lengthMs,
      from,
      to: Math.min(from + lengthMs, overAt),
      hasStruck: false,
    });
  }

  /** Called when the cue comes. */
  cue(cue: Cue, now: number): void {
    for (const outage of this.outages) {
      if (outage.cue !== cue || outage.from !== Infinity) continue;
      outage.from = now + outage.lagMs;
      outage.to = Math.min(outage.from + outage.lengthMs, this.plan.overAt);
    }
  }

  /** Whether an outage lasts, or a back-off after one may last. */
  isFeltAt(now: number): boolean {
    return this.outages.some(({ from, to }) => from <= now && now <= to + AFTERMATH_MS);
  }

  /** When the last outage that has begun is no longer felt. */
  feltUntil(now: number): number {
    const begun = this.outages.filter(({ from }) => from <= now);
    return Math.max(0, ...begun.map(({ to }) => to + AFTERMATH_MS));
  }

  /** The time in which the outages may have been felt, in minutes. */
  get feltMinutes(): number {
    const felt = this.outages.filter(({ hasStruck }) => hasStruck);
    return felt.reduce((sum, { from, to }) => sum + (to - from + AFTERMATH_MS) / 60_000, 0);
  }

  /** The error of a call during an outage, and how long it takes to come. Undefined: no outage concerns the call. */
  failureOf(
    kind: ProcessKind,
    { service, name }: { readonly service: Service; readonly name: string },
    bucket: unknown,
    now: number,
  ): { readonly error: Error; readonly isSilent: boolean; readonly isRetried: boolean } | undefined {
    for (const outage of this.outages) {
      if (now < outage.from || now >= outage.to) continue;
      const { callers, place } = outage;
      if (callers !== 'all' && (callers === 'drain') !== (kind === 'drain')) continue;
      if (place.service !== service || (place.operation ?? name) !== name) continue;
      if (place.bucket !== undefined && place.bucket !== bucket) continue;
      if (!outage.hasStruck) this.plan.onFirstStrike(outage.fault);
      outage.hasStruck = true;
      return FAILURES[outage.answer]();
    }
    return undefined;
  }
}

const FAILURES = {
  unavailable: () => ({ error: awsError('ServiceUnavailable', 503), isSilent: false, isRetried: true }),
  denied: () => ({ error: awsError('AccessDenied', 403), isSilent: false, isRetried: false }),
  silence: () => ({ error: awsError('TimeoutError', 0), isSilent: true, isRetried: true }),
};
