import { hash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/**
 * The name space of an idempotency key: a tenant (whatever product, payer or subscription its usage comes to), or a
 * subscription where usage is recorded by its id alone.
 */
export interface KeyScope {
  kind: 'tenant' | 'subscription';
  /** The tenant's id, or the subscription's in lower case. */
  name: string;
}

/**
 * Version of the recipe. It is for ever: what it once gave to a key must find that key's event for as long as the event
 * is kept.
 */
const RECIPE = '1';
const MINTED_PREFIX = 'evt_';
/**
 * The one form in which a minted key is handed out. Anything else, such as a payment provider's `evt_1Nxyz…`, is a key
 * like any other.
 */
const MINTED = /^evt_[0-7][0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The id is the key: the first 16 bytes of SHA-256 over recipe, seller account, kind of scope, scope and key (UTF-8, a
 * NUL between them, which none of them can hold) as a UUID of version 8 (RFC 9562) whose first bit is set, so that it
 * lies above every time-ordered id. A key that this module minted (`evt_` and a UUIDv7) is that id itself.
 * docs/event-ids.md has the recipe with test vectors for other languages.
 */
export function eventIdOf({
  sellerAccount,
  scope,
  key,
}: {
  sellerAccount: string;
  scope: KeyScope;
  key: string;
}): string {
  if (isMinted(key)) return key.slice(MINTED_PREFIX.length);
  // One call that gives text: a Hash object, and a Buffer for its digest, cost the collector more than the digest.
  const hex = hash('sha256', `${RECIPE}\0${sellerAccount}\0${scope.kind}\0${scope.name}\0${key}`, 'hex');
  return `${nibble(hex, 0, 0x7, 0x8)}${hex.slice(1, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${nibble(hex, 16, 0x3, 0x8)}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** One hexadecimal digit with the bits of `mask` kept and those of `bits` set. */
function nibble(hex: string, at: number, mask: number, bits: number): string {
  return ((parseInt(hex.charAt(at), 16) & mask) | bits).toString(16);
}

/** A time-ordered id for an event without a key. */
export function mintEventId(): string {
  return uuidv7();
}

/** The key under which a caller may repeat an event that was given none. */
export function mintedKeyOf(id: string): string {
  return MINTED_PREFIX + id;
}

export function isMinted(key: string): boolean {
  return MINTED.test(key);
}
