import { describe, expect, it } from '@jest/globals';
import { CallBreaker } from '../../../src/metering/submission/call-breaker.js';

describe('the breaker', () => {
  it('opens at once for a set-up error, after three silences, and never for throttling or refusals', () => {
    const breaker = new CallBreaker();
    const call = (failure: Parameters<CallBreaker['ended']>[1]) => {
      breaker.started('p');
      breaker.ended('p', failure);
    };
    for (const failure of ['throttled', 'culprit', 'dropped', 'unrecognised', null] as const)
      for (let n = 0; n < 5; n += 1) call(failure);
    call('unavailable');
    call('unavailable');
    expect(breaker.allows('p')).toBe(true);
    call('unavailable');
    expect(breaker.allows('p')).toBe(false);
    expect(breaker.allows('q')).toBe(true);
    breaker.beginRun();
    expect(breaker.allows('p')).toBe(true);
    breaker.started('p');
    expect(breaker.allows('p')).toBe(false);
    breaker.ended('p', null);
    expect(breaker.allows('p')).toBe(true);
    call('setUp');
    expect(breaker.allows('p')).toBe(false);
  });
});
