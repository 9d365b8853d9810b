/** A stretch of time, in milliseconds since 1970; `toMs` is its end. */
export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The same time, sorted and without overlaps. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const result: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of [...intervals].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = result.at(-1);
    if (toMs <= fromMs) continue;
    if (last && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else result.push({ fromMs, toMs });
  }
  return result;
}

/** The parts of `intervals` that are not in `taken`. */
export function without(intervals: readonly Interval[], taken: readonly Interval[]): Interval[] {
  let rest = merged(intervals);
  for (const { fromMs, toMs } of merged(taken)) {
    rest = rest.flatMap((one) => [
      ...(one.fromMs < fromMs ? [{ fromMs: one.fromMs, toMs: Math.min(one.toMs, fromMs) }] : []),
      ...(one.toMs > toMs ? [{ fromMs: Math.max(one.fromMs, toMs), toMs: one.toMs }] : []),
    ]);
  }
  return rest;
}

/** The part of the interval that lies within the bounds. Undefined: there is none. */
export function clipped<T extends Interval>(interval: T, { fromMs, toMs }: Interval): T | undefined {
  const clip = {
    ...interval,
    fromMs: Math.max(interval.fromMs, fromMs),
    toMs: Math.min(interval.toMs, toMs),
  };
  return clip.toMs > clip.fromMs ? clip : undefined;
}

export function allClipped<T extends Interval>(intervals: readonly T[], bounds: Interval): T[] {
  return intervals.flatMap((one) => clipped(one, bounds) ?? []);
}

/** The sum of intervals that do not overlap, in milliseconds. */
export function totalMs(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
}

/**
 * Each interval's part of the time, in milliseconds. Intervals that overlap share each moment in equal parts,
 * so the parts add up to the time that all of them cover.
 */
export function sharedMs(intervals: readonly Interval[]): number[] {
  const edges = [...new Set(intervals.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort((a, b) => a - b);
  const shares = intervals.map(() => 0);
  const starts = intervals
    .map((interval, index) => ({ ...interval, index }))
    .sort((a, b) => a.fromMs - b.fromMs);
  let next = 0;
  let active: typeof starts = [];
  edges.forEach((edge, position) => {
    const until = edges[position + 1];
    for (let one = starts[next]; one && one.fromMs <= edge; one = starts[next]) {
      active.push(one);
      next += 1;
    }
    active = active.filter(({ toMs }) => toMs > edge);
    if (until === undefined) return;
    for (const { index } of active) shares[index] = (shares[index] ?? 0) + (until - edge) / active.length;
  });
  return shares;
}
