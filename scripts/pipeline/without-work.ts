/** `; 2 wake-ups without work`, for the line of the gate. Empty if the last wake-up did work. */
export function withoutWork(fruitless: number): string {
  if (fruitless === 0) return '';
  return `; ${fruitless} ${fruitless === 1 ? 'wake-up' : 'wake-ups'} without work`;
}
