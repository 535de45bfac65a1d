/**
 * The order of code units: the same on every machine, as no language's is. Rows that a transaction locks are taken in
 * it, so that no two wait for each other.
 */
export function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Entries of a map, by the order of their keys. */
export function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return byText(a, b);
}
