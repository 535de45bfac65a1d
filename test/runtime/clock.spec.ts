import { describe, expect, it } from '@jest/globals';
import { earliestOf, firstAfter, latestOf } from '../../src/runtime/clock.js';

const at = (hour: number): Date => new Date(Date.UTC(2026, 10, 11, hour));

describe('of several instants', () => {
  it('the earliest and the latest, whatever their order, and null where there is none', () => {
    expect(earliestOf([at(3), null, at(1), at(2)])).toEqual(at(1));
    expect(latestOf([at(1), null, at(3), at(2)])).toEqual(at(3));
    expect([earliestOf([]), latestOf([]), earliestOf([null]), latestOf([null])]).toEqual([null, null, null, null]);
  });

  it('the first that lies ahead: one that is now does not, and null where none does', () => {
    expect(firstAfter(at(2), [at(4), null, at(3), at(2), at(1)])).toEqual(at(3));
    expect(firstAfter(at(2), [at(2), at(1), null])).toBeNull();
  });
});
