import { describe, expect, it } from '@jest/globals';
import { knownAgreementOf } from '../../../src/metering/submission/known-agreement.js';

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
const end = (over: { identityGoesOn?: boolean } = {}) => ({
  ...{ at: at('10:00'), firstSignAt: at('10:00'), lastSignAt: at('10:05'), lastHeardAt: at('10:20') },
  ...{ awaitsSuccessor: false, identityGoesOn: false, ...over },
});

describe('how the agreement of a record stands when AWS says that its customer is not subscribed', () => {
  it('is in force since its first span began', () => {
    const spans = [
      { startsAt: at('09:00'), end: null },
      { startsAt: at('08:00'), end: null },
    ];
    expect(knownAgreementOf(spans, at('12:00'))).toEqual({ inForceSince: at('08:00'), isInFinalHour: false });
    expect(knownAgreementOf([], at('12:00'))).toEqual({ inForceSince: null, isInFinalHour: false });
  });

  it('is in its final hour until an hour after its last sign was heard, where nothing goes on under its identity', () => {
    const spans = [{ startsAt: at('08:00'), end: end() }];
    expect(knownAgreementOf(spans, at('11:20')).isInFinalHour).toBe(true);
    // Sealed before the end was known: the record keeps the deadline of its hour.
    expect(knownAgreementOf(spans, at('11:21')).isInFinalHour).toBe(false);
    expect(
      knownAgreementOf([{ startsAt: at('08:00'), end: end({ identityGoesOn: true }) }], at('11:00')).isInFinalHour,
    ).toBe(false);
  });
});
