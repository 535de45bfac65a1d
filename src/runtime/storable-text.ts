/** What Postgres takes neither as text nor inside JSON: NUL, and half of a surrogate pair. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const EVERY_UNSTORABLE = /[\0\p{Surrogate}]/gu;

export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** The text with a sign in place of each character that Postgres does not take. It is as long as before. */
export function storableText(text: string): string {
  return text.replaceAll(EVERY_UNSTORABLE, '\uFFFD');
}

/**
 * At most so many characters from the start, as Postgres takes them: of a pair that is cut through nothing is left but a
 * sign.
 */
export function storableStart(text: string, lengthMax: number): string {
  return storableText(text.slice(0, lengthMax));
}

/** JSON text of a value, with every text in it storable. */
export function storableJson(value: object): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storableText(part) : part));
}
