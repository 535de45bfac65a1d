import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { registrationFormOf } from '../../src/registration/registration-form.js';

const URLENCODED = 'application/x-www-form-urlencoded';

describe('registrationFormOf', () => {
  const token = 'ab+/c==';
  const asText = new URLSearchParams({ 'x-amzn-marketplace-token': token }).toString();

  it.each<[string, unknown, string]>([
    ['an object', { 'x-amzn-marketplace-token': token }, URLENCODED],
    ['other capitals', { 'X-Amzn-Marketplace-Token': token }, URLENCODED],
    ['text', asText, URLENCODED],
    ['text of no known type', asText, ''],
    ['bytes', Buffer.from(asText), URLENCODED],
    ['white space around it', { 'x-amzn-marketplace-token': `\t${token} \n` }, URLENCODED],
    ['JSON text', JSON.stringify({ 'x-amzn-marketplace-token': token }), 'application/json; charset=utf-8'],
  ])('reads %s', (_, body, type) => {
    expect(registrationFormOf(body, type)).toEqual({ token, offerType: null, fields: {} });
  });

  it.each<[string, unknown, string]>([
    ['a list', ['x'], URLENCODED],
    ['a number', 7, URLENCODED],
    ['broken JSON', '{', 'application/json'],
    ['JSON that is no object', '"x"', 'application/json'],
    ['JSON that is a list', '["x"]', 'application/json'],
    ['JSON of nothing', 'null', 'application/json'],
  ])('takes %s for no form', (_, body, type) => {
    expect(registrationFormOf(body, type)).toBeNull();
  });

  it.each<[string, unknown]>([
    ['no body', undefined],
    ['a body of nothing', null],
    ['an empty body', {}],
    ['an empty token', { 'x-amzn-marketplace-token': ' ' }],
    ['a token given twice', { 'x-amzn-marketplace-token': ['a', 'b'] }],
    ['a nested token', { 'x-amzn-marketplace-token': { x: 'y' } }],
  ])('finds no token in %s', (_, body) => {
    expect(registrationFormOf(body, URLENCODED)).toEqual({ token: null, offerType: null, fields: {} });
  });

  it('guesses neither of two tokens, and keeps neither in another field', () => {
    const body = new URLSearchParams([
      ['x-amzn-marketplace-token', 'one'],
      ['X-Amzn-Marketplace-Token', 'two'],
      ['x-amzn-marketplace-first', 'is one'],
      ['x-amzn-marketplace-second', 'two it is'],
    ]).toString();
    expect(registrationFormOf(body, URLENCODED)).toEqual({ token: null, offerType: null, fields: {} });
  });

  it('keeps what else AWS sends under its prefix, and nothing that others send', () => {
    const body = {
      'x-amzn-marketplace-token': token,
      'x-amzn-marketplace-offer-type': 'free-trial',
      'X-Amzn-Marketplace-Agreement-Id': 'agmt-1',
      'x-amzn-marketplace-nul': 'a\0',
      'x-amzn-marketplace-\0': 'a',
      email: 'buyer@example.com',
      'not-x-amzn-marketplace-agreement-id': 'agmt-2',
    };
    expect(registrationFormOf(body, URLENCODED)).toEqual({
      token,
      offerType: 'free-trial',
      fields: { 'x-amzn-marketplace-agreement-id': 'agmt-1' },
    });
    const withoutToken = { ...body, 'x-amzn-marketplace-token': '' };
    expect(registrationFormOf(withoutToken, URLENCODED)?.fields).toEqual({
      'x-amzn-marketplace-agreement-id': 'agmt-1',
    });
  });

  it.each([
    [100, 1000, true],
    [101, 1000, false],
    [100, 1001, false],
  ])(
    'of a field whose name has %d characters and whose value has %d: kept is %s',
    (nameLength, valueLength, isKept) => {
      const name = 'x-amzn-marketplace-'.padEnd(nameLength, 'n');
      const value = 'v'.repeat(valueLength);
      expect(registrationFormOf({ [name]: value }, URLENCODED)?.fields).toEqual(isKept ? { [name]: value } : {});
    },
  );

  it('keeps an offer type only in its form', () => {
    const offerOf = (offerType: string) =>
      registrationFormOf({ 'x-amzn-marketplace-offer-type': offerType }, URLENCODED)?.offerType;
    expect(offerOf('free-trial')).toBe('free-trial');
    expect(offerOf('x'.repeat(65))).toBeNull();
    expect(offerOf('a\0')).toBeNull();
  });

  it('decodes once: any token comes out as it went in, and is in no field', () => {
    const value = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.trim() === text);
    fc.assert(
      fc.property(value, fc.dictionary(fc.string(), fc.string()), (any, others) => {
        const body = new URLSearchParams([
          ...Object.entries(others).map(([name, other]): [string, string] => [
            `x-amzn-marketplace-${name}`,
            `${other}${any}`,
          ]),
          ['x-amzn-marketplace-token', any],
        ]);
        fc.pre(!Object.keys(others).some((name) => ['token', 'offer-type'].includes(name.toLowerCase())));
        expect(registrationFormOf(body.toString(), URLENCODED)).toEqual({ token: any, offerType: null, fields: {} });
      }),
    );
  });

  it('keeps a bounded number of bounded fields', () => {
    const body = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`x-amzn-marketplace-${n}`, 'x'.repeat(n * 50)]),
    );
    const fields = registrationFormOf(body, URLENCODED)!.fields;
    expect(Object.keys(fields)).toHaveLength(20);
  });
});
