/** The value of JSON text; undefined, which JSON has no text for, where it is something else. Never throws. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
