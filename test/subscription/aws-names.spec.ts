import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  accountsOf,
  agreementKeyOf,
  agreementNamesOf,
  buyerNamesOf,
  digestOf,
  isApiForm,
  labelOf,
  licenseIdOf,
  listingIdLabelsOf,
  productLabelOf,
} from '../../src/subscription/chain/aws-names.js';

const API = 'arn:aws:license-manager::294406891311:license:l-0123456789abcdef';
const EVENT = 'aws:license-manager:us-east-1:294406891311:l-0123456789abcdef';
const GUIDE = 'arn:aws:license-manager:us-east-1:294406891311:license/lic-0123456789abcdef';

describe('licenseIdOf', () => {
  it('makes the printed forms of one license meet', () => {
    expect([API, EVENT, GUIDE].map(licenseIdOf)).toEqual(Array.from({ length: 3 }, () => 'l-0123456789abcdef'));
    expect([API, EVENT, GUIDE].map(isApiForm)).toEqual([true, false, false]);
    expect(['l-0123456789abcdef', 'lic-0123456789abcdef'].map(licenseIdOf)).toEqual(
      Array.from({ length: 2 }, () => 'l-0123456789abcdef'),
    );
    // A part that looks like an id is none where something follows it.
    expect(licenseIdOf('arn:x:l-1:y')).toBe('arn:x:l-1:y');
  });

  it('never makes two licenses meet, nor what has no known form anything but itself', () => {
    const id = fc.stringMatching(/^[a-z0-9]{4,32}$/);
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(
          licenseIdOf(API.replace('0123456789abcdef', a)) === licenseIdOf(EVENT.replace('0123456789abcdef', b)),
        ).toBe(a === b);
        expect(licenseIdOf(`x${a}`)).toBe(`x${a}`);
      }),
    );
  });
});

describe('isApiForm', () => {
  it.each([
    [API, true],
    [API.replace('arn:aws:', 'arn:aws-cn:'), true],
    [API.replace('arn:aws:', 'arn:aws-us-gov:'), true],
    [API.replace('::', ':us-east-1:'), true],
    [`x${API}`, false],
    [`${API}/x`, false],
    [API.replace('294406891311', '29440689131'), false],
    [API.replace('arn:aws:', 'arn:aws1:'), false],
  ])('%s: %s', (licenseArn, expected) => {
    expect(isApiForm(licenseArn)).toBe(expected);
  });
});

describe('agreementKeyOf', () => {
  it('is what follows the first hyphen of the forms that AWS prints', () => {
    expect(['agmt-ab-1', 'agmnt-ab-1'].map(agreementKeyOf)).toEqual(['ab-1', 'ab-1']);
    expect(agreementKeyOf('something-else')).toBe('something-else');
    expect(agreementKeyOf('xagmt-1')).toBe('xagmt-1');
    expect(agreementKeyOf('agmt-1\n2')).toBe('agmt-1\n2');
  });
});

describe('names', () => {
  it('of an agreement keep the form that is sent; an event’s form of a license is never sent', () => {
    expect(agreementNamesOf({ agreementId: 'agmt-1', licenseArn: API }, 'event')).toEqual([
      { kind: 'agreement', digest: digestOf('1'), name: 'agmt-1', eventForm: null },
      { kind: 'license', digest: digestOf('l-0123456789abcdef'), name: API, eventForm: null },
    ]);
    expect(agreementNamesOf({ licenseArn: EVENT }, 'event')).toMatchObject([{ name: null, eventForm: EVENT }]);
    // What an API has printed is sent back literally.
    expect(agreementNamesOf({ licenseArn: GUIDE }, 'api')).toMatchObject([{ name: GUIDE, eventForm: null }]);
  });

  it('of a buyer are looked up within a product, and what AWS did not name is none', () => {
    const [name] = buyerNamesOf({ customerAwsAccountId: '111122223333', customerIdentifier: '' });
    expect(name).toMatchObject({ kind: 'account', digest: digestOf('111122223333') });
    expect(name && labelOf(name, 'p')).toBe(`account:p:${digestOf('111122223333')}`);
    expect(buyerNamesOf({ customerIdentifier: 'c' })).toMatchObject([{ kind: 'customerIdentifier', name: 'c' }]);
    expect(agreementNamesOf({}, 'event')).toEqual([]);
    expect(agreementNamesOf({ agreementId: '', licenseArn: '' }, 'event')).toEqual([]);
  });

  it('of a buyer hold at every product where they are accounts', () => {
    const account = { kind: 'account', digest: digestOf('111122223333'), name: '111122223333', eventForm: null };
    expect(accountsOf({ customerAwsAccountId: '111122223333' })).toEqual([account]);
    expect([null, undefined, ''].flatMap((customerAwsAccountId) => accountsOf({ customerAwsAccountId }))).toEqual([]);
  });

  it('are listed with the product where they are a buyer’s, without it where they are an agreement’s', () => {
    const label = (name: Parameters<typeof labelOf>[0] | undefined, product: string | null) =>
      name && labelOf(name, product);
    const [agreement, license] = agreementNamesOf({ agreementId: 'agmt-1', licenseArn: API }, 'api');
    expect(label(agreement, 'p')).toBe(`agreement:${digestOf('1')}`);
    expect(label(license, 'p')).toBe(`license:${digestOf('l-0123456789abcdef')}`);
    expect(label(buyerNamesOf({ customerIdentifier: 'c' })[0], null)).toBe(`customerIdentifier::${digestOf('c')}`);
  });

  it('of a listing that is none of ours are its code, or the digest of its entity id where that is all', () => {
    expect(productLabelOf({ productCode: 'p', productId: 'prod-1' })).toBe('product:p');
    expect(productLabelOf({ productCode: 'p' })).toBe('product:p');
    expect(productLabelOf({ productId: 'prod-1' })).toBe(`product:id:${digestOf('prod-1')}`);
    // Neither: no listing of ours has that label, and no id is empty.
    expect(productLabelOf({})).toBe(`product:id:${digestOf('')}`);
  });

  it('of a listing by its id alone go on once a message has named its code with it, and not before', () => {
    expect(listingIdLabelsOf({ productCode: 'p', productId: 'prod-1' })).toEqual([`product:id:${digestOf('prod-1')}`]);
    expect([{ productCode: 'p' }, { productId: 'prod-1' }, {}].flatMap(listingIdLabelsOf)).toEqual([]);
  });

  it('are compared by the SHA-256 of their canonical form', () => {
    expect(digestOf('l-é')).toBe('e0c49e41bd696ccb0eb384d5dcef2c804c7ffc0d90db4fb95dc97be6e0cdd9e2');
  });
});
