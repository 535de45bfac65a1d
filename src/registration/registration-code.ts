import { createHash, randomBytes } from 'node:crypto';

const CODE_BYTES = 32;

/**
 * A bearer secret that stands for one registered subscription until it is claimed or expires. Only its hash is stored.
 */
export function mintCode(): string {
  return randomBytes(CODE_BYTES).toString('base64url');
}

/** SHA-256. Codes and tokens are random enough that a plain hash cannot be turned back. */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

const CODE = /^[\w-]{43}$/;

/** Of what a browser sent as a code; null for what no code of ours can be, whatever a query parser made of it. */
export function codeHashOf(code: unknown): Buffer | null {
  return typeof code === 'string' && CODE.test(code) ? hashOf(code) : null;
}
