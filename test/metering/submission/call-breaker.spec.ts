import { describe, expect, it } from '@jest/globals';
import { type CallFailure, type Culprit, type FailureKind } from '../../../src/aws/aws-error.js';
import { type GatewayAnswer } from '../../../src/aws/metering-gateway.js';
import { CallBreaker } from '../../../src/metering/submission/call-breaker.js';
import { type CallEnd, callEndOf } from '../../../src/metering/submission/call-end.js';

const BOUNDS = { backoffBaseMs: 1000, backoffCapMs: 8000 };

function clocked() {
  let now = 0;
  const breaker = new CallBreaker(BOUNDS, () => now);
  return {
    breaker,
    wait: (ms: number) => (now += ms),
    call: (end: CallEnd) => {
      breaker.started('p');
      breaker.ended('p', end);
    },
  };
}

describe('the breaker', () => {
  it('opens at once for a set-up error, after three silences, and never for throttling or judgements', () => {
    const { breaker, call } = clocked();
    for (const end of ['throttled', 'dropped', 'judged'] as const) for (let n = 0; n < 5; n += 1) call(end);
    call('unanswered');
    call('unanswered');
    expect(breaker.allows('p')).toBe(true);
    call('unanswered');
    expect(breaker.allows('p')).toBe(false);
    expect(breaker.allows('q')).toBe(true);
    breaker.beginRun();
    expect(breaker.allows('p')).toBe(true);
    breaker.started('p');
    expect(breaker.allows('p')).toBe(false);
    breaker.ended('p', 'judged');
    expect(breaker.allows('p')).toBe(true);
    call('setUp');
    expect(breaker.allows('p')).toBe(false);
  });

  it('lets one record be narrowed down, and opens where nothing passes any more', () => {
    const { breaker, call } = clocked();
    for (let n = 0; n < 6; n += 1) call('refused');
    expect(breaker.allows('p')).toBe(true);
    call('judged');
    for (let n = 0; n < 8; n += 1) call('refused');
    expect(breaker.allows('p')).toBe(false);
  });

  it('asks ever more rarely, up to the cap, until something is judged', () => {
    const { breaker, call, wait } = clocked();
    call('setUp');
    const pauses = [];
    for (let probe = 0; probe < 6; probe += 1) {
      breaker.beginRun();
      let pause = 0;
      for (; !breaker.allows('p'); pause += 1000) wait(1000);
      pauses.push(pause);
      call('setUp');
    }
    expect(pauses).toEqual([0, 2000, 4000, 8000, 8000, 8000]);
    call('judged');
    breaker.beginRun();
    call('unanswered');
    expect(breaker.allows('p')).toBe(true);
  });

  it('says how long the shortest pause still lasts, and nothing where there is none', () => {
    const { breaker, call, wait } = clocked();
    const fail = (key: string): void => {
      breaker.started(key);
      breaker.ended(key, 'setUp');
    };
    expect(breaker.pauseMs()).toBeNull();
    fail('p');
    expect(breaker.pauseMs()).toBeNull();
    for (const key of ['p', 'q', 'q', 'q']) fail(key);
    expect(breaker.pauseMs()).toBe(2000);
    wait(1500);
    expect(breaker.pauseMs()).toBe(500);
    wait(500);
    expect(breaker.pauseMs()).toBe(2000);
    call('judged');
    wait(2000);
    expect(breaker.pauseMs()).toBeNull();
  });
});

describe('how a call ended', () => {
  const failed = (kind: FailureKind, culprit: Culprit | null = null): GatewayAnswer => ({
    kind: 'failed',
    failure: { kind, culprit } as CallFailure,
  });
  const answered = (...statuses: string[]): GatewayAnswer => ({
    ...{ kind: 'answered', unprocessed: [], httpStatus: 200, requestId: null },
    results: statuses.map((status) => ({ status, meteringRecordId: null })) as never,
  });
  it.each<[string, GatewayAnswer, CallEnd]>([
    ['one known status among unknown ones', answered('Deferred', 'CustomerNotSubscribed'), 'judged'],
    ['unknown statuses only', answered('Deferred', ''), 'unanswered'],
    ['an empty 200', answered(), 'unanswered'],
    ['a named culprit', failed('culprit', 'invalidDimension'), 'judged'],
    ['a broken constraint', failed('culprit', 'invalidRequest'), 'refused'],
    ['an unknown error', failed('unrecognised'), 'refused'],
    ['a 5xx', failed('unavailable'), 'unanswered'],
    ['a set-up error', failed('setUp'), 'setUp'],
    ['throttling', failed('throttled'), 'throttled'],
    ['not sent', failed('dropped'), 'dropped'],
  ])('%s', (_name, answer, end) => {
    expect(callEndOf(answer)).toBe(end);
  });
});
