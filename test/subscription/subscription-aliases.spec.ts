import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aliasesOf, licenseIdOf } from '../../src/subscription/chain/subscription-aliases.js';

const hex = fc.stringMatching(/^[0-9a-f]{6,32}$/);
const owner = fc.stringMatching(/^[0-9]{12}$/);
const region = fc.constantFrom('us-east-1', 'eu-central-1', '');

const printed = [
  (id: string, account: string) => `arn:aws:license-manager::${account}:license:l-${id}`,
  (id: string, account: string, at: string) => `aws:license-manager:${at}:${account}:l-${id}`,
  (id: string, account: string) => `arn:aws:license-manager::${account}:license/lic-${id}`,
];

describe('licenseIdOf', () => {
  it.each([
    ['arn:aws:license-manager::294406891311:license:l-8fad5c1d', 'l-8fad5c1d'],
    ['aws:license-manager:us-east-1:294406891311:l-8fad5c1d', 'l-8fad5c1d'],
    ['arn:aws:license-manager:us-east-1:294406891311:license/lic-8fad5c1d', 'l-8fad5c1d'],
    ['arn:aws-cn:license-manager::294406891311:license:l-8fad5c1d', 'l-8fad5c1d'],
    ['l-8fad5c1d', 'l-8fad5c1d'],
    ['arn:aws:license-manager::294406891311:grant:g-8fad5c1d', 'arn:aws:license-manager::294406891311:grant:g-8fad5c1d'],
    ['something else', 'something else'],
  ])('%s → %s', (arn, id) => {
    expect(licenseIdOf(arn)).toBe(id);
  });

  it('makes the three printed forms of one license meet', () => {
    fc.assert(
      fc.property(hex, fc.array(fc.tuple(owner, region), { minLength: 3, maxLength: 3 }), (id, places) => {
        const keys = printed.map((print, form) => licenseIdOf(print(id, ...places[form]!)));
        expect(new Set(keys).size).toBe(1);
      }),
    );
  });

  it('never makes two licenses meet, in whatever forms they are printed', () => {
    const form = fc.constantFrom(...printed);
    fc.assert(
      fc.property(fc.uniqueArray(hex, { minLength: 2, maxLength: 2 }), owner, region, form, form, ([a, b], account, at, printA, printB) => {
        expect(licenseIdOf(printA(a!, account, at))).not.toBe(licenseIdOf(printB(b!, account, at)));
      }),
    );
  });

  it('never makes a text of no known form meet anything but itself', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        fc.pre(a !== b && licenseIdOf(a) === a && licenseIdOf(b) === b);
        expect(licenseIdOf(a)).not.toBe(licenseIdOf(b));
      }),
    );
  });
});

describe('aliasesOf', () => {
  const everything = {
    productCode: 'abc',
    licenseArn: 'arn:aws:license-manager::111122223333:license:l-1',
    customerAwsAccountId: '012345678901',
    customerIdentifier: 'ifAPi5AcF3',
    agreementId: 'agmt-1',
  };

  it('D35: names nothing of the account where licenses are metered: one account may hold several agreements', () => {
    expect(aliasesOf(everything, 'license')).toEqual([
      { kind: 'license', scope: '', value: 'l-1' },
      { kind: 'agreement', scope: '', value: 'agmt-1' },
    ]);
  });

  it('names the customer within the product first where a legacy identity is metered', () => {
    expect(aliasesOf(everything, 'legacy')).toEqual([
      { kind: 'customerIdentifier', scope: 'abc', value: 'ifAPi5AcF3' },
      { kind: 'account', scope: 'abc', value: '012345678901' },
      { kind: 'license', scope: '', value: 'l-1' },
      { kind: 'agreement', scope: '', value: 'agmt-1' },
    ]);
  });

  it('leaves out what AWS did not name', () => {
    expect(aliasesOf({ productCode: 'abc', customerAwsAccountId: '1', licenseArn: '' }, 'license')).toEqual([]);
    expect(aliasesOf({ productCode: 'abc', customerAwsAccountId: '1' }, 'legacy')).toEqual([{ kind: 'account', scope: 'abc', value: '1' }]);
  });
});
