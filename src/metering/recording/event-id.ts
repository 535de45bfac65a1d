import { createHash } from 'node:crypto';
import { uuidv7obj } from 'uuidv7';

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
 * Id of an event in both its forms. Text is what people see, bytes what crosses the wire; both sort alike.
 */
export interface EventId {
  readonly text: string;
  readonly bytes: Buffer;
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
 * docs/recording.md has the recipe with test vectors for other languages.
 */
export function eventIdOf({
  sellerAccount,
  scope,
  key,
}: {
  sellerAccount: string;
  scope: KeyScope;
  key: string;
}): EventId {
  if (isMinted(key)) return ofText(key.slice(MINTED_PREFIX.length));
  const digest = createHash('sha256')
    .update(`${RECIPE}\0${sellerAccount}\0${scope.kind}\0${scope.name}\0${key}`)
    .digest();
  const bytes = digest.subarray(0, 16);
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return ofBytes(bytes);
}

/** A time-ordered id for an event without a key. */
export function mintEventId(): EventId {
  return ofBytes(Buffer.from(uuidv7obj().bytes));
}

/** The key under which a caller may repeat an event that was given none. */
export function mintedKeyOf(id: EventId): string {
  return MINTED_PREFIX + id.text;
}

export function isMinted(key: string): boolean {
  return MINTED.test(key);
}

function ofText(text: string): EventId {
  return { text, bytes: Buffer.from(text.replaceAll('-', ''), 'hex') };
}

function ofBytes(bytes: Buffer): EventId {
  const hex = bytes.toString('hex');
  return {
    text: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    bytes,
  };
}
