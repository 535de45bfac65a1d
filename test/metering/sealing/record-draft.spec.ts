import { describe, expect, it } from '@jest/globals';
import { meteredIdentityOf } from '../../../src/metering/record-draft.js';
import { type SubscriptionFacts } from '../../../src/metering/sealing.sql.js';

const LICENSE = 'arn:aws:license-manager::123456789012:license:l-1a2b';
const UNKNOWN = { license_arn: null, customer_aws_account_id: null, customer_identifier: null };

type Known = Pick<SubscriptionFacts, 'license_arn' | 'customer_aws_account_id' | 'customer_identifier'>;

const identity = (product: 'license' | 'legacy', known: Partial<Known>): Known | null =>
  meteredIdentityOf({ ...UNKNOWN, ...known, identity: product } as SubscriptionFacts);

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
    expect(identity(product, known)).toEqual(expected && { ...UNKNOWN, ...expected });
  });
});
