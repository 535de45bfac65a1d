import { constants, createPublicKey, verify } from 'node:crypto';
import { jsonOf } from '../runtime/json.js';

/** What a signature of RegisterUsage must speak of. */
export interface ExpectedProof {
  productCode: string;
  publicKeyVersion: number;
  nonce: string;
}

export type ProofVerdict = { kind: 'holds' } | { kind: 'refused'; why: string };

const BASE64URL = /^[A-Za-z0-9_-]+$/;
/** RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt as long as the digest: PS256 [RFC 7518, 3.5]. */
const PS256 = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

/**
 * Whether a JWT is AWS's answer to this very call. One algorithm is known here, and the token does not choose it: a
 * token that names another is refused before any key is touched. AWS's texts spell the claims in two ways, and give the
 * version as a number or as text.
 */
export function verifyProof(jwt: string | undefined, publicKey: string, expected: ExpectedProof): ProofVerdict {
  if (jwt === undefined || jwt === '') return refused('it holds no signature');
  const parts = jwt.split('.');
  // Stryker disable next-line StringLiteral: what has not three parts is refused by the line after it.
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || !parts.every((part) => BASE64URL.test(part))) return refused('it is no signed JWT');
  const head = objectIn(header);
  if (head?.alg !== 'PS256') return refused('it is not signed with PS256');
  // Extensions that must be understood, and none is [RFC 7515, 4.1.11].
  if ('crit' in head || 'b64' in head) return refused('its header asks for what is not known');
  const isSigned = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: createPublicKey(publicKey), ...PS256 },
    Buffer.from(signature, 'base64url'),
  );
  if (!isSigned) return refused('its signature is not of this public key');
  return verifyClaims(objectIn(payload), expected);
}

function verifyClaims(claims: Record<string, unknown> | null, expected: ExpectedProof): ProofVerdict {
  if (claims === null) return refused('it holds no claims');
  const claim = (name: string): unknown[] =>
    Object.entries(claims).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));
  const isOnly = (name: string, wanted: string): boolean => {
    const found = claim(name);
    // In two spellings at once, both must say the same.
    return found.length > 0 && found.every((value) => textOf(value) === wanted);
  };
  if (!isOnly('productcode', expected.productCode)) return refused('it speaks of another product');
  if (!isOnly('publickeyversion', String(expected.publicKeyVersion)))
    return refused('it speaks of another version of the public key');
  if (!isOnly('nonce', expected.nonce)) return refused('it answers another call: its nonce is not ours');
  return { kind: 'holds' };
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : null;
}

function objectIn(part: string): Record<string, unknown> | null {
  const value = jsonOf(Buffer.from(part, 'base64url').toString());
  return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null;
}

function refused(why: string): ProofVerdict {
  return { kind: 'refused', why };
}
