import { describe, expect, it } from '@jest/globals';
import { spreadOf } from '../../../src/metering/sealing/ledger-spread.js';

// K10 (b): sixty pods of one buyer account and region, each with a ledger and ten dimensions, are 600 calls after every
// hour; AWS takes ten a second, of all vendors together.

const SPREAD_MS = 300_000;
const moments = Array.from({ length: 60 }, (_, pod) => spreadOf(`ledger-${pod}`, 'larkspur', SPREAD_MS));

describe('K10: the moment of a ledger', () => {
  it('is always the same, within the spread, and another for another product', () => {
    expect(spreadOf('ledger-1', 'larkspur', SPREAD_MS)).toBe(moments[1]);
    expect(moments.every((moment) => moment >= 0 && moment < SPREAD_MS)).toBe(true);
    expect(spreadOf('ledger-1', 'other', SPREAD_MS)).not.toBe(moments[1]);
    expect(spreadOf('ledger-1', 'larkspur', 0)).toBe(0);
  });

  it('spreads sixty ledgers over the minutes: each has some, none has a third, and few seconds are asked too much', () => {
    const perMinute = [0, 1, 2, 3, 4].map(
      (minute) => moments.filter((at) => Math.floor(at / 60_000) === minute).length,
    );
    expect(perMinute.every((count) => count > 4 && count < 20)).toBe(true);
    // Ten calls at five a second: whoever has begun in this second or the one before.
    const asked = Array.from(
      { length: 301 },
      (_, second) => moments.filter((at) => [second, second - 1].includes(Math.floor(at / 1000))).length * 5,
    );
    expect(asked.filter((calls) => calls > 10).length).toBeLessThan(15);
  });
});
