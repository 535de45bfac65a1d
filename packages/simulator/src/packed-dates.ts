/** Data whose dates are packed: JSON can carry it and `unpackDates` makes it whole again. */
export type PackedDates<T> = T extends Date
  ? { readonly $date: string }
  : T extends readonly (infer Item)[]
    ? readonly PackedDates<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: PackedDates<T[Key]> }
      : T;

/**
 * A copy in which every Date is `{ $date: <ISO 8601> }`. For data of our own only: what comes from a client might hold
 * a `$date` of its own.
 */
export function packDates<T>(value: T): PackedDates<T> {
  return mapped(value, (item) => (item instanceof Date ? { $date: item.toISOString() } : undefined)) as PackedDates<T>;
}

export function unpackDates<T>(packed: PackedDates<T>): T {
  return mapped(packed, (item) =>
    '$date' in item && typeof item.$date === 'string' ? new Date(item.$date) : undefined,
  ) as T;
}

function mapped(value: unknown, replacement: (item: object) => object | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const replaced = replacement(value);
  if (replaced) return replaced;
  if (Array.isArray(value)) return value.map((item) => mapped(item, replacement));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, replacement)]));
}
