/** Seeds that follow each other. */
interface Span {
  readonly firstSeed: number;
  readonly count: number;
}

/** As many seeds, from the first on, in spans of at most `most`. */
export function spansOf(firstSeed: number, count: number, most: number): Span[] {
  return Array.from({ length: Math.ceil(count / most) }, (_none, index) => {
    const before = index * most;
    return { firstSeed: firstSeed + before, count: Math.min(most, count - before) };
  });
}
