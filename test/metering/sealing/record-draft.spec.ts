import { describe, expect, it } from '@jest/globals';
import { type KnownIdentity, meteredIdentityOf } from '../../../src/metering/sealing/record-draft.js';

const LICENSE = 'arn:aws:license-manager::123456789012:license:l-1a2b';
const UNKNOWN = { license_arn: null, customer_aws_account_id: null, customer_identifier: null };

type Known = Omit<KnownIdentity, 'identity' | 'license_from'>;

const HOUR = new Date('2026-11-11T10:00:00Z');

const identity = (product: 'license' | 'legacy', known: Partial<Known>): unknown =>
  meteredIdentityOf({ ...UNKNOWN, ...known, identity: product, license_from: null }, HOUR);

describe('the identity that is metered', () => {
  const all = { license_arn: LICENSE, customer_aws_account_id: '210987654321', customer_identifier: 'abc' };

  it.each<[why: string, product: 'license' | 'legacy', known: Partial<Known>, expected: Partial<Known> | null]>([
    ['license and account, whatever else is known', 'license', all, { license_arn: LICENSE, customer_aws_account_id: '210987654321' }],
    [
      'of another partition',
      'license',
      { ...all, license_arn: LICENSE.replace('arn:aws:', 'arn:aws-us-gov:') },
      { license_arn: LICENSE.replace('arn:aws:', 'arn:aws-us-gov:'), customer_aws_account_id: '210987654321' },
    ],
    ['no license yet', 'license', { ...all, license_arn: null }, null],
    ['no account yet', 'license', { ...all, customer_aws_account_id: null }, null],
    ['an account that is none', 'license', { ...all, customer_aws_account_id: '2109-8765' }, null],
    ['the form that events have', 'license', { ...all, license_arn: 'aws:license-manager:us-east-1:123456789012:l-1a2b' }, null],
    ['legacy: never with a license, the identifier before the account', 'legacy', all, { customer_identifier: 'abc' }],
    [
      'legacy: the account where there is no identifier',
      'legacy',
      { ...all, customer_identifier: null },
      { customer_aws_account_id: '210987654321' },
    ],
    ['legacy: a license alone does not do', 'legacy', { license_arn: LICENSE }, null],
  ])('%s', (_why, product, known, expected) => {
    expect(identity(product, known)).toEqual(expected && { ...UNKNOWN, ...expected, identity: product });
  });

  it.each<['license' | 'legacy']>([['license'], ['legacy']])(
    'of one that was moved is that of the hour, whatever its product (%s) says',
    (product) => {
      const from = (license_from: string, known: Partial<Known> = {}) =>
        meteredIdentityOf({ ...all, ...known, identity: product, license_from: new Date(license_from) }, HOUR);
      expect(from('2026-11-11T11:00:00Z')).toEqual({ ...UNKNOWN, identity: 'legacy', customer_identifier: 'abc' });
      expect(from('2026-11-11T10:00:00Z')).toMatchObject({ identity: 'license', license_arn: LICENSE, customer_identifier: null });
      // Nothing is made up for an hour whose own identity is not known.
      expect(from('2026-11-11T10:00:00Z', { license_arn: null })).toBeNull();
      expect(from('2026-11-11T11:00:00Z', { customer_identifier: null, customer_aws_account_id: null })).toBeNull();
    },
  );
});
