/** The value of JSON text; undefined, which JSON has no text for, where it is something else. Never throws. */
export function jsonOf(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // It stays undefined.
  }
  return value;
}
