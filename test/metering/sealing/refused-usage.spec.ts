import { describe, expect, it } from '@jest/globals';
import { isStillRefused, mayJoinOthers, mayTryAgain } from '../../../src/metering/sealing/refused-usage.js';
import { CAUSE_SCOPE, REFUSED_CONTENTS } from '../../../src/metering/settlement/record-outcome.js';
import { at } from './given-timeline.js';

describe('what AWS refused [T17]', () => {
  it.each<[string, string, { quarantined?: string[]; billedHour?: string; other?: string }, boolean]>([
    ['is still refused where AWS has taken nothing', 'notSubscribed', {}, true],
    ['is still refused where it took an earlier hour', 'notSubscribed', { billedHour: '09:00' }, true],
    [
      'is still refused where it took that hour, of which it cannot have been',
      'notSubscribed',
      { billedHour: '10:00' },
      true,
    ],
    ['is taken where it took a later one', 'notSubscribed', { billedHour: '11:00' }, false],
    [
      'is taken so whatever is quarantined',
      'invalidDimension',
      { billedHour: '11:00', quarantined: ['invalidTag'] },
      false,
    ],
    ['of the buyer, is taken where AWS took another dimension later', 'notSubscribed', { other: '11:00' }, false],
    ['by its license', 'invalidLicense', { billedHour: '09:00', other: '11:00' }, false],
    ['by its account', 'invalidCustomer', { billedHour: '09:00', other: '11:00' }, false],
    ['of the dimension, is not taken for that', 'invalidDimension', { other: '11:00' }, true],
    ['too late for its hour, goes with a later one', 'timestampOutOfBounds', { billedHour: '11:00' }, false],
    [
      'for its tags, is still refused whatever else it takes',
      'invalidTag',
      { billedHour: '11:00', quarantined: ['invalidTag'] },
      true,
    ],
    ['for its tags, is taken when the reason is over', 'invalidTag', { quarantined: ['invalidAllocations'] }, false],
    ['for its allocations', 'invalidAllocations', { billedHour: '11:00', quarantined: ['invalidAllocations'] }, true],
    ['for nobody knows what', 'invalidRequest', { billedHour: '11:00', quarantined: ['invalidRequest'] }, true],
  ])('%s: %s', (_, reason, { quarantined = [], billedHour, other }, expected) => {
    const refusal = { times: 1, reason, hour: at('10:00') };
    const isQuarantined = (one: string): boolean => quarantined.includes(one);
    const ofBuyer = other ?? billedHour;
    const billed = {
      ofBuyer: ofBuyer === undefined ? null : at(ofBuyer),
      ofDimension: billedHour === undefined ? null : at(billedHour),
    };
    expect(isStillRefused(refusal, isQuarantined, billed)).toBe(expected);
  });

  it.each([
    [1, true, true],
    [2, true, false],
    [3, true, false],
    [1, false, true],
    [2, false, true],
  ])('%i times, in a period that runs: %s, may be tried again: %s', (times, runs, expected) => {
    expect(mayTryAgain({ times, reason: 'notSubscribed', hour: at('10:00') }, runs)).toBe(expected);
  });

  it.each([
    ['notSubscribed', true],
    ['invalidLicense', true],
    ['invalidCustomer', true],
    ['invalidDimension', true],
    ['invalidProduct', true],
    ['invalidTag', false],
    ['invalidAllocations', false],
    ['invalidRequest', false],
    ['timestampOutOfBounds', false],
    ['unrecognised', false],
  ])('for %s, of a period that is over, may go with other usage: %s', (reason, expected) => {
    const refusal = { times: 2, reason, hour: at('10:00') };
    expect([mayJoinOthers(refusal, false), mayJoinOthers(refusal, true)]).toEqual([expected, false]);
  });

  it('for its contents has a cause of its reason alone, which stands as long as it waits', () => {
    const scopes: Readonly<Record<string, string | undefined>> = CAUSE_SCOPE;
    expect(REFUSED_CONTENTS.map((reason) => scopes[reason])).toEqual(['reason', 'reason', 'reason']);
  });
});
