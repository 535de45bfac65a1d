import { constants, createHmac, sign } from 'node:crypto';
import { type Forgery } from '../wire/fault.js';
import { type KeyPair } from './product-keys.js';
import { type Switches } from '../switches.js';

/** What RegisterUsage vouches for. */
export interface Registered {
  readonly productCode: string;
  readonly version: number;
  readonly nonce: string | undefined;
  readonly at: Date;
}

type SignatureSwitches = Pick<Switches, 'signatureClaims' | 'publicKeyVersionClaim'>;

/** A JWT of the claims: PS256 by the product's key [SG23]. */
export function signatureOf(registered: Registered, key: KeyPair, switches: SignatureSwitches): string {
  return jwtOf({ alg: 'PS256', typ: 'JWT' }, claimsOf(registered, switches), (text) => pss(text, key));
}

/**
 * What somebody between the container and AWS would have it take for a signature; `other` is a key that is none of the
 * product's. Undefined: no Signature at all.
 */
export function forgedSignature(
  forgery: Forgery,
  registered: Registered,
  { key, other }: { readonly key: KeyPair; readonly other: KeyPair },
  switches: SignatureSwitches,
): string | undefined {
  const genuine = signatureOf(registered, key, switches);
  const claims = claimsOf(registered, switches);
  const changed = (change: Partial<Registered>): string => signatureOf({ ...registered, ...change }, key, switches);
  switch (forgery) {
    case 'otherNonce':
      // As an older answer has it, which the buyer's own CloudTrail shows.
      return changed({ nonce: `${registered.nonce ?? ''}-before`, at: new Date(registered.at.getTime() - 86_400_000) });
    case 'noNonce':
      return changed({ nonce: undefined });
    case 'otherProductCode':
      return changed({ productCode: `${registered.productCode}x` });
    case 'otherKeyVersion':
      return changed({ version: registered.version + 1 });
    case 'otherKey':
      return signatureOf(registered, other, switches);
    case 'rs256':
      return jwtOf({ alg: 'RS256', typ: 'JWT' }, claims, (text) => sign('sha256', Buffer.from(text), key.privateKey));
    case 'hs256':
      // The public key as the secret, which a verifier that trusts the header would take.
      return jwtOf({ alg: 'HS256', typ: 'JWT' }, claims, (text) =>
        createHmac('sha256', key.publicKey).update(text).digest(),
      );
    case 'algNone':
      return jwtOf({ alg: 'none', typ: 'JWT' }, claims, () => Buffer.alloc(0));
    case 'algMissing':
      return jwtOf({ typ: 'JWT' }, claims, (text) => pss(text, key));
    case 'payloadChanged':
      return withByteChanged(genuine, 1);
    case 'signatureChanged':
      return withByteChanged(genuine, 2);
    case 'unsigned':
      return `${genuine.split('.').slice(0, 2).join('.')}.`;
    case 'twoParts':
      return genuine.split('.').slice(0, 2).join('.');
    case 'noJwt':
      return 'signature';
    case 'absent':
      return undefined;
  }
}

function claimsOf({ productCode, version, nonce, at }: Registered, switches: SignatureSwitches): object {
  const named = (name: string): string =>
    switches.signatureClaims === 'upperCamel' ? name.charAt(0).toUpperCase() + name.slice(1) : name;
  return {
    [named('productCode')]: productCode,
    [named('publicKeyVersion')]: switches.publicKeyVersionClaim === 'number' ? version : String(version),
    ...(nonce !== undefined && { [named('nonce')]: nonce }),
    iat: Math.floor(at.getTime() / 1000),
  };
}

function jwtOf(header: object, claims: object, signed: (text: string) => Buffer): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${signed(text).toString('base64url')}`;
}

function pss(text: string, { privateKey }: KeyPair): Buffer {
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign('sha256', Buffer.from(text), { key: privateKey, ...padding });
}

/** One byte of a part of the JWT: of the payload the last digit of `iat`, which stays a digit. */
function withByteChanged(jwt: string, part: 1 | 2): string {
  const parts = jwt.split('.').map((one) => Buffer.from(one, 'base64url'));
  const bytes = parts[part] ?? Buffer.alloc(1);
  const index = part === 1 ? bytes.length - 2 : bytes.length - 1;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return parts.map((one) => one.toString('base64url')).join('.');
}
