import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ExpectedProof, verifyProof } from '../../src/container/registration-proof.js';

const pairs = [2048, 3072].map((modulusLength) =>
  generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }),
);
const [key, other] = pairs as [(typeof pairs)[number], (typeof pairs)[number]];
const EXPECTED: ExpectedProof = { productCode: 'abc123', publicKeyVersion: 1, nonce: 'n-1' };
const CLAIMS = { ProductCode: 'abc123', PublicKeyVersion: 1, Nonce: 'n-1', iat: 1_700_000_000 };
const HEADER = { alg: 'PS256', typ: 'JWT' };

const encoded = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

function jwt(claims: unknown = CLAIMS, header: unknown = HEADER, { privateKey } = key, saltLength = 32): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  const signature = sign('sha256', Buffer.from(text), {
    ...{ key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
  });
  return `${text}.${signature.toString('base64url')}`;
}

const verdict = (token: string | undefined, expected = EXPECTED): string => {
  const result = verifyProof(token, key.publicKey, expected);
  return result.kind === 'refused' ? result.why : result.kind;
};

describe('a proof holds', () => {
  it.each([
    ['as the reference spells it', CLAIMS],
    ['as AWS’s sample spells it', { productCode: 'abc123', publicKeyVersion: 1, nonce: 'n-1' }],
    ['in both spellings that say the same', { ...CLAIMS, nonce: 'n-1', productCode: 'abc123' }],
    ['with the version as text', { ...CLAIMS, PublicKeyVersion: '1' }],
    ['without iat', { ProductCode: 'abc123', PublicKeyVersion: 1, Nonce: 'n-1' }],
    ['with claims that nobody knows', { ...CLAIMS, colour: 'red' }],
  ])('%s', (_, claims) => {
    expect(verdict(jwt(claims))).toBe('holds');
  });

  it('by keys of 2,048 and 3,072 bits', () => {
    expect(verifyProof(jwt(CLAIMS, HEADER, other), other.publicKey, EXPECTED).kind).toBe('holds');
  });
});

describe('a proof is refused', () => {
  const hmac = (): string => {
    const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(CLAIMS)}`;
    return `${text}.${createHmac('sha256', key.publicKey).update(text).digest('base64url')}`;
  };
  const rs256 = (alg: string): string => {
    const text = `${encoded({ alg })}.${encoded(CLAIMS)}`;
    return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`;
  };
  const [header = '', payload = '', signature = ''] = jwt().split('.');

  it.each([
    ['that is absent', undefined, 'holds no signature'],
    ['that is empty', '', 'holds no signature'],
    ['with two parts', `${header}.${payload}`, 'no signed JWT'],
    ['with four parts', `${jwt()}.${signature}`, 'no signed JWT'],
    ['with an empty signature', `${header}.${payload}.`, 'no signed JWT'],
    ['with white space', ` ${jwt()}`, 'no signed JWT'],
    ['with padding', `${jwt()}==`, 'no signed JWT'],
    ['of RS256', rs256('RS256'), 'not signed with PS256'],
    ['of RS256 that calls itself PS256', rs256('PS256'), 'not of this public key'],
    ['of HS256 with the public key as its secret', hmac(), 'not signed with PS256'],
    ['of none', `${encoded({ alg: 'none' })}.${payload}.${signature}`, 'not signed with PS256'],
    ['of no algorithm', jwt(CLAIMS, { typ: 'JWT' }), 'not signed with PS256'],
    ['of another algorithm of the family', jwt(CLAIMS, { alg: 'PS512' }), 'not signed with PS256'],
    ['of an algorithm in another case', jwt(CLAIMS, { alg: 'ps256' }), 'not signed with PS256'],
    ['of a list of algorithms', jwt(CLAIMS, { alg: ['PS256'] }), 'not signed with PS256'],
    ['with a header that is no object', jwt(CLAIMS, '"PS256"'), 'not signed with PS256'],
    ['that asks to be understood', jwt(CLAIMS, { ...HEADER, crit: ['b64'], b64: false }), 'what is not known'],
    ['that asks for an extension', jwt(CLAIMS, { ...HEADER, crit: ['exp'] }), 'what is not known'],
    ['whose payload is not encoded', jwt(CLAIMS, { ...HEADER, b64: false }), 'what is not known'],
    ['with another length of salt', jwt(CLAIMS, HEADER, key, 20), 'not of this public key'],
    ['of another key', jwt(CLAIMS, HEADER, other), 'not of this public key'],
    [
      'with other claims than were signed',
      `${header}.${encoded({ ...CLAIMS, Nonce: 'n-2' })}.${signature}`,
      'not of this',
    ],
    ['of another product', jwt({ ...CLAIMS, ProductCode: 'abc124' }), 'another product'],
    ['of another version', jwt({ ...CLAIMS, PublicKeyVersion: 2 }), 'another version'],
    ['of a version that is no whole number', jwt({ ...CLAIMS, PublicKeyVersion: 1.5 }), 'another version'],
    ['of a list of versions', jwt({ ...CLAIMS, PublicKeyVersion: [1] }), 'another version'],
    ['of a list of products', jwt({ ...CLAIMS, ProductCode: ['abc123'] }), 'another product'],
    ['of a list of nonces', jwt({ ...CLAIMS, Nonce: ['n-1'] }), 'its nonce is not ours'],
    ['of another call', jwt({ ...CLAIMS, Nonce: 'n-2' }), 'its nonce is not ours'],
    ['of a call without a nonce', jwt({ ProductCode: 'abc123', PublicKeyVersion: 1 }), 'its nonce is not ours'],
    ['in two spellings that differ', jwt({ ...CLAIMS, nonce: 'n-2' }), 'its nonce is not ours'],
    ['without claims', jwt('[]'), 'holds no claims'],
    ['with claims of nothing', jwt('null'), 'holds no claims'],
    ['with claims that are no JSON', jwt('{'), 'holds no claims'],
  ])('%s', (_, token, why) => {
    expect(verdict(token)).toContain(why);
  });

  it('whichever of its bytes is changed', () => {
    const token = jwt();
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.integer({ min: 0, max: 63 }), (at, digit) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const changed = `${token.slice(0, at)}${alphabet[digit] ?? ''}${token.slice(at + 1)}`;
        const isSame = changed
          .split('.')
          .every((part, index) =>
            Buffer.from(part, 'base64url').equals(Buffer.from(token.split('.')[index] ?? '', 'base64url')),
          );
        // The last digit of a part has bits that decode to nothing: another text, and the same signature.
        if (changed !== token && !isSame) expect(verdict(changed)).not.toBe('holds');
      }),
      { numRuns: 300 },
    );
  });
});
