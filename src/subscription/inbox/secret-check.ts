import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Whether `given` is one of `secrets`. How long it takes tells nothing of how much of one was right, nor which one it
 * was.
 */
export function isOneOf(given: string, secrets: readonly string[]): boolean {
  const digest = digestOf(given);
  return secrets.map((secret) => timingSafeEqual(digest, digestOf(secret))).includes(true);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
