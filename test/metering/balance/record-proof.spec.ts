import { describe, expect, it } from '@jest/globals';
import { mismatchesOf, mismatchText, type RecordFooting } from '../../../src/metering/balance/record-proof.js';

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

  it('is told with both numbers', () => {
    const text = mismatchText(mismatchesOf({ ...FOOTING, rollup_sum: '5.5', balance_quantity: '6' }));
    expect(text).toBe(
      'event sum: it says 7.5, the ledger 5.5; the balance of its period says 7.5 of events, 0 included, 6 in ' +
        'records, its records sum to 7.5 of events, 0 included, 7 in records',
    );
  });
});
