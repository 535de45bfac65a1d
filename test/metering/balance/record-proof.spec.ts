import { describe, expect, it } from '@jest/globals';
import {
  type Mismatch,
  mismatchesOf,
  mismatchText,
  type RecordFooting,
} from '../../../src/metering/balance/record-proof.js';

const FOOTING: RecordFooting = {
  id: 'r-1',
  quantity: '7',
  event_sum: '7.5',
  event_count: '2',
  carry_in: '0',
  rollup_sum: '7.5',
  rollup_count: '2',
  strangers: 0,
  unproven: 0,
  allocated: '7',
  balance_event_sum: '7.5',
  ...{ included: '0', included_total: '0', included_by: null, said_quantity: null, is_uncounted: false },
  ...{ counted_sum: '0', counting_sum: '0' },
  balance_included: '0',
  balance_quantity: '7',
  standing_event_sum: '7.5',
  standing_included: '0',
  standing_quantity: '7',
  continues: true,
};

describe('what a record says and what the ledger says', () => {
  it.each<[string, Partial<RecordFooting>, string[]]>([
    ['agree', {}, []],
    ['agree where there are no allocations', { allocated: null }, []],
    ['its sum is not that of its rollups', { rollup_sum: '5.5' }, ['event sum']],
    ['its rollups hold more events', { rollup_count: '3' }, ['event count']],
    ['it has no rollups', { rollup_sum: '0', rollup_count: '0' }, ['event sum', 'event count']],
    ['a rollup of another dimension', { strangers: 1 }, ['rollups']],
    ['a rollup that is not what its events are', { unproven: 1 }, ['events']],
    ['allocations of other units', { allocated: '8' }, ['allocations']],
    ['allocations of nothing', { allocated: '0' }, ['allocations']],
    ['no balance', { balance_event_sum: null, balance_included: null, balance_quantity: null }, ['balance']],
    ['a balance of more events', { balance_event_sum: '1007.5' }, ['balance']],
    ['a balance of more that was included', { balance_included: '1' }, ['balance']],
    ['a balance of fewer units', { balance_quantity: '6' }, ['balance']],
    ['a carry that no record left', { carry_in: '1000', continues: false }, ['carry']],
  ])('%s', (_, over, expected) => {
    expect(mismatchesOf({ ...FOOTING, ...over }).map(({ what }) => what)).toEqual(expected);
  });

  const said = { fetchedAt: '2026-11-11T10:05:00.000Z', quantity: '1', factor: '1000' };
  const included: Partial<RecordFooting> = {
    included: '100',
    included_total: '1000',
    included_by: {
      ...{ contractDimension: 'pack', covers: ['calls'], said, asOf: '2026-11-11T11:05:00.000Z' },
      terms: [{ from: null, stretches: [{ from: null, units: '1000', used: '1150' }] }],
      included: '900',
      own: { used: '1150', included: '900' },
    },
    said_quantity: '1',
  };

  it.each<[string, Partial<RecordFooting>, Mismatch[]]>([
    ['strangers', { strangers: 2 }, [{ what: 'rollups', says: 'its own', found: '2 that cannot be its own' }]],
    ['events', { unproven: 3 }, [{ what: 'events', says: 'those of its rollups', found: 'others, in 3 rollup(s)' }]],
    ['units that are included, as they follow', included, []],
    [
      'units that nothing includes',
      { included: '3' },
      [{ what: 'included units', says: '3', found: 'nothing that includes it' }],
    ],
    [
      'no included units, where records before it had some',
      { is_uncounted: true },
      [{ what: 'included units', says: 'none', found: 'a contract that includes some' }],
    ],
    ['another answer of AWS', { ...included, said_quantity: '2' }, [{ what: 'entitlement', says: '1', found: '2' }]],
    [
      'an answer of AWS that the ledger does not have',
      { ...included, said_quantity: null },
      [{ what: 'entitlement', says: '1', found: 'no such answer of AWS' }],
    ],
    [
      'usage that was counted otherwise',
      { counted_sum: '5', counting_sum: '6' },
      [{ what: 'counted usage', says: '5', found: '6' }],
    ],
    [
      'a carry',
      { carry_in: '3', continues: false },
      [{ what: 'carry', says: '3', found: 'none that a record of its period left' }],
    ],
    [
      'no balance',
      { balance_event_sum: null },
      [{ what: 'balance', says: 'none', found: '7.5 of events, 0 included, 7 in records' }],
    ],
    [
      'half a balance',
      { balance_included: null, balance_quantity: null },
      [
        {
          what: 'balance',
          says: '7.5 of events, 0 included, 0 in records',
          found: '7.5 of events, 0 included, 7 in records',
        },
      ],
    ],
  ])('are told for what they are: %s', (_, over, expected) => {
    expect(mismatchesOf({ ...FOOTING, ...over })).toEqual(expected);
  });

  it('is told with both numbers', () => {
    const text = mismatchText(mismatchesOf({ ...FOOTING, rollup_sum: '5.5', balance_quantity: '6' }));
    expect(text).toBe(
      'event sum: it says 7.5, the ledger 5.5; the balance of its period says 7.5 of events, 0 included, 6 in ' +
        'records, its records sum to 7.5 of events, 0 included, 7 in records',
    );
  });
});
