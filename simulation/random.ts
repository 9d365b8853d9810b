/**
 * Seeded random numbers: sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32. The arithmetic uses integers
 * only, so that a seed draws the same numbers on any machine.
 *
 * A history uses two streams of its seed. `shape` draws the settings and plans at its beginning, `luck` everything
 * that happens later.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = 0) {
    let state = (seed ^ Math.imul(stream, 0x9e3779b9)) | 0;
    const splitmix = () => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.a = splitmix();
    this.b = splitmix();
    this.c = splitmix() ^ Math.floor(seed / 2 ** 32);
    for (let round = 0; round < 12; round += 1) this.uint32();
  }

  uint32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + sum) | 0;
    return sum >>> 0;
  }

  /** True with the given probability, 0 to 1. */
  chance(share: number): boolean {
    return this.uint32() < share * 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + (this.uint32() % (most - least + 1));
  }

  /**
   * A whole number, both ends included. Small and large magnitudes are equally likely: each doubling has the same
   * probability.
   */
  spread(least: number, most: number): number {
    let doublings = 0;
    for (let from = least * 2; from < most; from *= 2) doublings += 1;
    const from = least * 2 ** this.between(0, doublings);
    return this.between(from, Math.min(from * 2, most));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.uint32() % choices.length] as T;
  }
}
