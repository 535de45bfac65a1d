import { describe, expect, it } from '@jest/globals';
import { type Evidence } from '../../../src/metering/settlement/evidence.js';
import { endOf } from '../../../src/metering/settlement/record-end.js';

describe('the end of trying', () => {
  const ending = { state: 'pending', reason: null, mode: 'live', attempts: [] as Evidence[] } as const;
  it.each([
    ['never tried', {}, 'carry', { to: 'annulled', reason: 'expired' }],
    ['refused only', { attempts: ['refused'] }, 'carry', { to: 'annulled', reason: 'expired' }],
    ['one attempt uncertain', { attempts: ['refused', 'uncertain'] }, 'carry', { to: 'unknown', reason: 'expired' }],
    [
      'blocked',
      { state: 'blocked', reason: 'invalidDimension', attempts: ['refused'] },
      'carry',
      { to: 'annulled', reason: 'expired' },
    ],
    [
      'blocked and uncertain',
      { state: 'blocked', reason: 'unrecognised', attempts: ['uncertain'] },
      'carry',
      { to: 'unknown', reason: 'unrecognised' },
    ],
    [
      'a conflict (T13)',
      { state: 'blocked', reason: 'conflict', attempts: ['conflict'] },
      'carry',
      { to: 'unknown', reason: 'conflict' },
    ],
    [
      'a conflict, whatever the option',
      { state: 'blocked', reason: 'conflict', attempts: ['conflict'] },
      'hold',
      { to: 'unknown', reason: 'conflict' },
    ],
    ['onExpired hold', {}, 'hold', { to: 'held', reason: 'expired' }],
    [
      'blocked, onExpired hold',
      { state: 'blocked', reason: 'notSubscribed', attempts: ['refused'] },
      'hold',
      { to: 'held', reason: 'notSubscribed' },
    ],
    [
      'the ledger did not bear it out',
      { state: 'blocked', reason: 'ledgerMismatch' },
      'carry',
      { to: 'held', reason: 'ledgerMismatch' },
    ],
    [
      'the buyer had no subscription (MeterUsage), whatever the option',
      { attempts: ['refused'], wasNotEntitled: true },
      'carry',
      { to: 'held', reason: 'notSubscribed' },
    ],
    [
      'the buyer had a subscription',
      { attempts: ['refused'], wasNotEntitled: false },
      'carry',
      { to: 'annulled', reason: 'expired' },
    ],
    [
      'blocked, and nobody wrote down why',
      { state: 'blocked', attempts: ['uncertain'] },
      'carry',
      { to: 'unknown', reason: 'unrecognised' },
    ],
    ['dry-run', { mode: 'dry-run' }, 'carry', { to: 'held', reason: 'dryRun' }],
  ] as const)('%s', (_name, over, onExpired, expected) => {
    expect(endOf({ ...ending, ...over }, onExpired)).toEqual(expected);
  });
});
