import { createPublicKey, type KeyObject } from 'node:crypto';

const PEM = /-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/;
const BASE64 = /^[A-Za-z0-9+/=\s]+$/;
const MODULUS_BITS_MIN = 2048;

/**
 * The public key of a listing in each form in which it travels: PEM as it is, indented, with the two characters `\n` for
 * its line ends (environment files, JSON), base64 of any of these, or base64 of DER alone.
 * @returns the key as plain PEM (SPKI)
 * @throws Error with the fix, where it is no public RSA key of at least 2,048 bits
 */
export function publicKeyOf(text: string): string {
  const key = keyOf(pemIn(text));
  if (key.asymmetricKeyType !== 'rsa') throw new Error('give an RSA public key, as the page of the listing shows it');
  // Stryker disable next-line OptionalChaining: an RSA key has them.
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MODULUS_BITS_MIN) throw new Error(`give a key of at least ${MODULUS_BITS_MIN} bits; this one has ${bits}`);
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

interface Armoured {
  label: string;
  der: Buffer;
}

function pemIn(text: string): Armoured {
  const lines = text.replaceAll(/\\[nr]/g, '');
  // Stryker disable next-line ArrayDeclaration,StringLiteral: both groups have matched, or none has.
  const [, label, body = ''] = PEM.exec(lines) ?? [];
  if (label !== undefined) return { label, der: Buffer.from(body.replaceAll(/\s/g, ''), 'base64') };
  if (!BASE64.test(lines)) throw new Error('give the public key as PEM, from the page of the listing');
  const der = Buffer.from(lines.replaceAll(/\s/g, ''), 'base64');
  const inner = der.toString('latin1');
  // Once only: what has these dashes is PEM or refused.
  return inner.includes('-----BEGIN') ? pemIn(inner) : { label: 'PUBLIC KEY', der };
}

function keyOf({ label, der }: Armoured): KeyObject {
  if (label.includes('PRIVATE')) throw new Error('this is a private key: give the public key of the listing');
  if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') throw new Error(`give a public key, not a ${label}`);
  try {
    return createPublicKey({ key: der, format: 'der', type: label === 'PUBLIC KEY' ? 'spki' : 'pkcs1' });
  } catch {
    throw new Error('this public key is cut off or altered: copy it again from the page of the listing');
  }
}
