import { describe, expect, it } from '@jest/globals';
import { allocate, type AllocationPlan, type TaggedSum } from '../../../src/metering/sealing/allocation.js';
import { QUANTITY_MAX, balanceStep } from '../../../src/metering/sealing/balance-step.js';
import { scaled } from '../../../src/runtime/decimal.js';

type Row = [tags: Record<string, string> | null, sum: string];

/** Splits the quantity that the balance makes of the rows, as sealing does. */
function split(rows: Row[], carry = '0'): AllocationPlan & { quantity: bigint } {
  const sums: TaggedSum[] = rows.map(([tags, sum]) => ({ tags, sum: scaled(sum) }));
  const { quantity } = balanceStep(
    scaled(carry),
    sums.reduce((total, { sum }) => total + sum, 0n),
  );
  return { quantity, ...allocate(quantity, scaled(carry), sums) };
}

/** `{ "team=red": 3, "": 1 }`: units by tag set, '' for the untagged bucket. */
function units({ allocations }: AllocationPlan): Record<string, number> | null {
  return (
    allocations &&
    Object.fromEntries(
      allocations.map(({ AllocatedUsageQuantity, Tags = [] }) => [
        Tags.map(({ Key, Value }) => `${Key}=${Value}`).join(' '),
        AllocatedUsageQuantity,
      ]),
    )
  );
}

const RED = { team: 'red' };
const BLUE = { team: 'blue' };
const GREEN = { team: 'green' };

describe('allocations of a record', () => {
  it.each<[why: string, rows: Row[], carry: string, expected: Record<string, number> | null]>([
    ['nothing is tagged', [[null, '5']], '0', null],
    ['an empty tag set is no tag', [[{}, '5']], '0', null],
    ['everything is tagged', [[RED, '3'], [BLUE, '2']], '0', { 'team=red': 3, 'team=blue': 2 }], // prettier-ignore
    ['the untagged rest', [[RED, '3'], [null, '2']], '0', { 'team=red': 3, '': 2 }], // prettier-ignore
    ['tag sets are equal whatever the order of their keys', [[{ a: '1', b: '2' }, '1'], [{ b: '2', a: '1' }, '2']], '0', { 'a=1 b=2': 3 }], // prettier-ignore
    ['the carry and untagged usage are one bucket', [[RED, '3'], [null, '2']], '3', { 'team=red': 3, '': 5 }], // prettier-ignore
    ['the carry has no tags', [[RED, '2']], '3', { 'team=red': 2, '': 3 }],
    ['a carried fraction completes a unit: to the largest remainder', [[RED, '1.7']], '0.3', { 'team=red': 2 }],
    ['a unit that is mostly carry is untagged, and then nothing is', [[RED, '0.2']], '0.9', null],
    ['fractions: the largest remainder wins', [[RED, '1.2'], [BLUE, '1.9']], '0', { 'team=red': 1, 'team=blue': 2 }], // prettier-ignore
    ['a tie goes to the larger share', [[RED, '2.5'], [BLUE, '1.5']], '0', { 'team=red': 3, 'team=blue': 1 }], // prettier-ignore
    ['a tie between equals goes by name', [[RED, '0.5'], [BLUE, '0.5']], '0', { 'team=blue': 1 }], // prettier-ignore
    ['shares of less than a unit', [[RED, '0.4'], [BLUE, '0.4'], [GREEN, '0.4']], '0', { 'team=blue': 1 }], // prettier-ignore
    ['a correction under its own tags', [[RED, '5'], [RED, '-2'], [BLUE, '1']], '0', { 'team=red': 3, 'team=blue': 1 }], // prettier-ignore
    ['a correction without tags comes off all of them', [[RED, '6'], [BLUE, '2'], [null, '-4']], '0', { 'team=red': 3, 'team=blue': 1 }], // prettier-ignore
    ['a tag set that was corrected below zero has no share', [[RED, '4'], [BLUE, '-1']], '0', { 'team=red': 3 }], // prettier-ignore
    ['a carried debt comes off all of them', [[RED, '6'], [BLUE, '3']], '-3', { 'team=red': 4, 'team=blue': 2 }], // prettier-ignore
    ['nothing is billed', [[RED, '0.5']], '0', null],
    ['more was corrected than used', [[RED, '2'], [null, '-5']], '0', null], // prettier-ignore
  ])('%s', (_why, rows, carry, expected) => {
    const plan = split(rows, carry);
    expect(units(plan)).toEqual(expected);
    expect(plan.trimmedUnits).toBe(0n);
  });

  it('share a quantity that was clamped to what AWS takes', () => {
    const plan = split([
      [RED, '3000000000'],
      [BLUE, '1000000000'],
    ]);
    expect(plan.quantity).toBe(QUANTITY_MAX);
    expect(units(plan)).toEqual({ 'team=red': 1_610_612_735, 'team=blue': 536_870_912 });
  });

  it('keep the largest sets, whatever order they come in', () => {
    const rows = Array.from({ length: 7 }, (_, index): Row => [{ [`key${index}`]: 'x' }, String(index + 1)]);
    expect(units(split(rows))).toEqual({
      'key6=x': 7,
      'key5=x': 6,
      'key4=x': 5,
      'key3=x': 4,
      'key2=x': 3,
      '': 3,
    });
    expect(split(rows).trimmedUnits).toBe(3n);
  });

  it('are none, and nothing is trimmed, where nothing is billed', () => {
    const rows = Array.from({ length: 7 }, (_, index): Row => [{ [`key${index}`]: 'x' }, '1']);
    expect(split([...rows, [null, '-9']])).toMatchObject({ quantity: 0n, allocations: null, trimmedUnits: 0n });
  });

  it('keep as many sets as half a request holds', () => {
    const rows = Array.from({ length: 400 }, (_, index): Row => {
      const tags = [1, 2, 3, 4, 5].map((n) => [`${n}`.padEnd(100, 'k'), `${index}`.padEnd(256, 'v')]);
      return [Object.fromEntries(tags) as Record<string, string>, '1'];
    });
    const { allocations, trimmedUnits } = split(rows);
    const tagged = allocations?.filter(({ Tags }) => Tags) ?? [];
    const bytes = Buffer.byteLength(JSON.stringify(tagged));
    const each = bytes / tagged.length;
    expect(bytes).toBeLessThanOrEqual(500_000);
    expect(bytes + each).toBeGreaterThan(500_000 - 12 * tagged.length);
    expect(trimmedUnits).toBe(BigInt(400 - tagged.length));
    expect(allocations?.at(-1)).toEqual({ AllocatedUsageQuantity: 400 - tagged.length });
  });

  it('keep five keys, those of the largest sets, and tell what was trimmed', () => {
    const rows = Array.from({ length: 7 }, (_, index): Row => [{ [`key${index}`]: 'x' }, String(10 - index)]);
    const plan = split([...rows, [{ key0: 'y', key4: 'y' }, '1']]);
    expect(units(plan)).toEqual({
      'key0=x': 10,
      'key1=x': 9,
      'key2=x': 8,
      'key3=x': 7,
      'key4=x': 6,
      'key0=y key4=y': 1,
      '': 9,
    });
    expect(plan.trimmedUnits).toBe(9n);
  });

  it('keep the 2,499 largest sets and put the rest with the untagged', () => {
    const plan = split(
      Array.from({ length: 2_600 }, (_, index): Row => [{ user: `u${index}` }, String(5_000 - index)]),
    );
    expect(plan.allocations).toHaveLength(2_500);
    expect(units(plan)).toMatchObject({ 'user=u0': 5_000, 'user=u2498': 2_502 });
    expect(units(plan)).not.toHaveProperty('user=u2499');
    expect(plan.trimmedUnits).toBe(
      Array.from({ length: 101 }, (_, index) => BigInt(2_501 - index)).reduce((a, b) => a + b, 0n),
    );
  });

  it('stay under half of the megabyte that a request may have', () => {
    const value = 'v'.repeat(250);
    const plan = split(
      Array.from({ length: 2_000 }, (_, index): Row => {
        const tags = Object.fromEntries(
          Array.from({ length: 5 }, (_each, key) => [`key${key}`, `${value}${key}${index}`.slice(-256)]),
        );
        return [tags, '3'];
      }),
    );
    const bytes = Buffer.byteLength(JSON.stringify(plan.allocations));
    expect(bytes).toBeLessThanOrEqual(500_100);
    expect(bytes).toBeGreaterThan(490_000);
    expect(plan.trimmedUnits).toBeGreaterThan(0n);
  });
});
