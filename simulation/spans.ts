/** Consecutive seeds. */
interface Span {
  readonly firstSeed: number;
  readonly count: number;
}

/** Divides `count` seeds from `firstSeed` into spans of at most `most` seeds. */
export function spansOf(firstSeed: number, count: number, most: number): Span[] {
  return Array.from({ length: Math.ceil(count / most) }, (_none, index) => {
    const before = index * most;
    return { firstSeed: firstSeed + before, count: Math.min(most, count - before) };
  });
}
