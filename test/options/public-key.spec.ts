import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { publicKeyOf } from '../../src/options/public-key.js';

const pair = (modulusLength: number): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('rsa', { modulusLength });
const { publicKey, privateKey } = pair(2048);
const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const pkcs1 = publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a public key is read', () => {
  it.each([
    ['as PEM', spki],
    ['without its last line end', spki.trim()],
    ['with the line ends of Windows', spki.replaceAll('\n', '\r\n')],
    ['with \\n for its line ends', spki.replaceAll('\n', '\\n')],
    ['with \\r\\n for its line ends', spki.replaceAll('\n', '\\r\\n')],
    ['indented, as in YAML', spki.replaceAll(/^/gm, '      ')],
    ['on one line', spki.replaceAll('\n', ' ')],
    ['between words', `the key:\n${spki}\nand no more`],
    ['as PKCS #1', pkcs1],
    ['in base64', base64(spki)],
    ['in base64, folded', base64(spki).replaceAll(/.{60}/g, '$&\n')],
    ['in base64, with \\n inside', base64(spki.replaceAll('\n', '\\n'))],
    ['as base64 of DER', der],
  ])('%s', (_, text) => {
    expect(publicKeyOf(text)).toBe(spki);
  });

  it('of 3,072 bits', () => {
    const key = pair(3072).publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(publicKeyOf(key)).toBe(key);
  });
});

describe('no public key is', () => {
  it.each([
    ['a private key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'this is a private key'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'not a CERTIFICATE'],
    ['a short key', pair(1024).publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'at least 2048 bits'],
    [
      'a key of a curve',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      'give an RSA public key',
    ],
    ['a key that is cut off', spki.slice(0, 200), 'give the public key as PEM'],
    ['a key with a byte less', spki.replace(/.{8}\n-----END/, '\n-----END'), 'cut off or altered'],
    ['a path', '/run/secrets/key.pem', 'give the public key as PEM'],
    ['nothing', '', 'give the public key as PEM'],
    ['base64 of base64 of base64', base64(base64(base64(spki))), 'cut off or altered'],
  ])('%s', (_, text, fix) => {
    expect(() => publicKeyOf(text)).toThrow(fix);
  });
});
