/** The value of JSON text; undefined, which JSON has no text for, where it is something else. Never throws. */
export function jsonOf(text: string): unknown {
  try {
    // Stryker disable next-line BlockStatement: what returns nothing returns undefined.
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
