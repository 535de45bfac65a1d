import { jsonOf } from '../runtime/json.js';
import { isStorable } from '../runtime/storable-text.js';

/** What the buyer's browser posts [seller guide, SaaS customer onboarding]. */
export interface RegistrationForm {
  token: string | null;
  /** `free-trial`, or null. */
  offerType: string | null;
  /**
   * Further `x-amzn-marketplace-*` fields: AWS adds some from time to time and documents them later. Never the token.
   */
  fields: Record<string, string>;
}

const PREFIX = 'x-amzn-marketplace-';
const TOKEN = `${PREFIX}token`;
const OFFER_TYPE = `${PREFIX}offer-type`;
const FIELDS_MAX = 20;
const NAME_LENGTH_MAX = 100;
const VALUE_LENGTH_MAX = 1000;

/**
 * Reads the form out of whatever the host's parsers made of the body: an object, text, bytes, or nothing. Text is
 * decoded once, and only once: a token holds `+`, `/` and `=`.
 * @returns null for a body that is no form.
 */
export function registrationFormOf(body: unknown, contentType: string): RegistrationForm | null {
  const entries = entriesOf(body, contentType);
  if (!entries) return null;
  const given = entries
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    .map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const tokens = given.filter(([name]) => name === TOKEN).map(([, value]) => value.trim());
  const [token] = tokens;
  const offerType = given.find(([name]) => name === OFFER_TYPE)?.[1];
  const fields = given.filter(
    ([name, value]) => name.startsWith(PREFIX) && name !== TOKEN && name !== OFFER_TYPE && isKept(name, value, tokens),
  );
  return {
    // Two tokens are two buyers: neither is guessed.
    token: token === undefined || token === '' || tokens.length > 1 ? null : token,
    offerType: offerType !== undefined && /^[\w-]{1,64}$/.test(offerType) ? offerType : null,
    fields: Object.fromEntries(fields.slice(0, FIELDS_MAX)),
  };
}

function entriesOf(body: unknown, contentType: string): [string, unknown][] | null {
  if (typeof body === 'string')
    return contentType.includes('json') ? jsonEntriesOf(body) : [...new URLSearchParams(body)];
  if (body instanceof Uint8Array) return entriesOf(Buffer.from(body).toString('utf8'), contentType);
  const given = body ?? {};
  return typeof given === 'object' && !Array.isArray(given) ? Object.entries(given) : null;
}

function jsonEntriesOf(text: string): [string, unknown][] | null {
  const value = jsonOf(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
}

function isKept(name: string, value: string, tokens: readonly string[]): boolean {
  // A copy of a token in another field is still the token.
  const isToken = tokens.some((token) => token !== '' && value.includes(token));
  return isStorable(name + value) && !isToken && name.length <= NAME_LENGTH_MAX && value.length <= VALUE_LENGTH_MAX;
}
