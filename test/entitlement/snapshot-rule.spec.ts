import { describe, expect, it } from '@jest/globals';
import { anyOf, checkOf, type EntitlementCheck } from '../../src/entitlement/entitlement-check.js';
import { type Snapshot, snapshotAfter, type StoredEntitlement } from '../../src/entitlement/snapshot-rule.js';

const at = (time: string): Date => new Date(`2026-11-11T${time}:00Z`);
const held = (value: StoredEntitlement['value'], dimension = 'pack'): StoredEntitlement => ({
  dimension,
  value,
  expiresAt: null,
});
const answer = (time: string, ...entitlements: StoredEntitlement[]) => ({ entitlements, fetchedAt: at(time) });
/** `value of the first, when it was given, since when nothing is listed`. */
const after = (...answers: { entitlements: StoredEntitlement[]; fetchedAt: Date }[]): unknown[] => {
  const kept = answers.reduce<Snapshot | null>((before, one) => snapshotAfter(before, one), null);
  const clock = (date: Date | null): string | null => date?.toISOString().slice(11, 16) ?? null;
  return kept ? [kept.entitlements[0]?.value ?? null, clock(kept.fetched_at), clock(kept.empty_since)] : [];
};

describe('K29 the answer that counts', () => {
  it.each<[string, Parameters<typeof after>, unknown[]]>([
    ['the first', [answer('10:00', held(5))], [5, '10:00', null]],
    ['the last', [answer('10:00', held(5)), answer('11:00', held(7))], [7, '11:00', null]],
    ['not an empty one after another', [answer('10:00', held(5)), answer('11:00')], [5, '10:00', '11:00']],
    [
      'nor when it is given again soon',
      [answer('10:00', held(5)), answer('11:00'), answer('11:09')],
      [5, '10:00', '11:00'],
    ],
    [
      'but when it is given again later',
      [answer('10:00', held(5)), answer('11:00'), answer('11:10')],
      [null, '11:10', null],
    ],
    [
      'and then again',
      [answer('10:00', held(5)), answer('11:00'), answer('11:10'), answer('12:00')],
      [null, '12:00', null],
    ],
    ['one that came back', [answer('10:00', held(5)), answer('11:00'), answer('11:03', held(5))], [5, '11:03', null]],
    ['an empty first one, doubted', [answer('10:00')], [null, '10:00', '10:00']],
    ['an empty first one, again', [answer('10:00'), answer('10:05')], [null, '10:05', '10:00']],
    ['an empty first one, for good', [answer('10:00'), answer('10:11')], [null, '10:11', null]],
    ['what comes after an empty first one', [answer('10:00'), answer('10:11', held(3))], [3, '10:11', null]],
  ])('is %s', (_, answers, expected) => {
    expect(after(...answers)).toEqual(expected);
  });

  it('is the same in whichever order AWS lists it', () => {
    const before = snapshotAfter(null, answer('10:00', held(5), held(true, 'sso')));
    expect(snapshotAfter(before, answer('11:00', held(true, 'sso'), held(5))).entitlements).toBe(before.entitlements);
    expect(snapshotAfter(before, answer('11:00', held(true, 'sso'), held(6))).entitlements).not.toBe(
      before.entitlements,
    );
  });
});

describe('K28 a check', () => {
  const entitlement = (value: StoredEntitlement['value'], expiresAt: string | null = null) => ({
    dimension: 'pack',
    value,
    expiresAt: expiresAt === null ? null : at(expiresAt),
  });
  const view = (stale: boolean, ageMs: number, ...entitlements: ReturnType<typeof entitlement>[]) => ({
    ...{ subscriptionId: 's-1', entitlements, stale, ageMs },
  });
  const NOW = { now: at('12:00'), staleForMs: 3_600_000, emptySince: null as Date | null };

  it.each<[string, ReturnType<typeof view>, Partial<typeof NOW> & { atLeast?: number }, boolean, string | null]>([
    ['an amount', view(false, 0, entitlement(5)), {}, true, null],
    ['enough', view(false, 0, entitlement(5)), { atLeast: 5 }, true, null],
    ['too little', view(false, 0, entitlement(5)), { atLeast: 6 }, false, 'tooLittle'],
    ['enough of another row', view(false, 0, entitlement(1), entitlement(9)), { atLeast: 6 }, true, null],
    ['yes', view(false, 0, entitlement(true)), { atLeast: 1 }, true, null],
    ['yes, of more than one', view(false, 0, entitlement(true)), { atLeast: 2 }, false, 'tooLittle'],
    ['no', view(false, 0, entitlement(false)), {}, false, 'tooLittle'],
    ['text', view(false, 0, entitlement('gold')), {}, true, null],
    ['nothing', view(false, 0), {}, false, 'none'],
    ['what has ended', view(false, 0, entitlement(5, '12:00')), {}, false, 'ended'],
    ['a stale answer within the limit', view(true, 3_600_000, entitlement(5)), {}, true, null],
    [
      'an old answer, after which nothing is listed',
      view(true, 99_000_000, entitlement(5)),
      { emptySince: at('11:50') },
      true,
      null,
    ],
    [
      'one after which AWS went away',
      view(true, 99_000_000, entitlement(5)),
      { emptySince: at('11:40') },
      false,
      'tooOld',
    ],
    ['a stale answer beyond it', view(true, 3_600_001, entitlement(5)), {}, false, 'tooOld'],
    [
      'the instant of a renewal, at which nothing is listed',
      view(true, 60_000, entitlement(5, '12:00')),
      { emptySince: at('12:00') },
      true,
      null,
    ],
    [
      'nothing listed before the end',
      view(true, 60_000, entitlement(5, '11:59')),
      { emptySince: at('11:00') },
      false,
      'ended',
    ],
  ])('of %s', (_, given, terms, isEntitled, reason) => {
    expect(checkOf(given, 'pack', { ...NOW, ...terms })).toMatchObject({ isEntitled, reason, stale: given.stale });
    expect(checkOf(given, 'other', { ...NOW, ...terms }).isEntitled).toBe(false);
  });

  const check = (reason: EntitlementCheck['reason'], subscriptionId: string, stale = false): EntitlementCheck => ({
    ...{ isEntitled: reason === null, reason, subscriptionId, value: null, stale, ageMs: 0 },
  });
  it.each<[string, EntitlementCheck[], string | null, EntitlementCheck['reason']]>([
    ['nothing', [], null, 'noSubscription'],
    ['one that holds it, wherever it stands', [check('none', 'a'), check(null, 'b'), check('unknown', 'c')], 'b', null],
    ['a fresh yes before a stale one', [check(null, 'a', true), check(null, 'b')], 'b', null],
    ['a stale yes before a no', [check('none', 'a'), check(null, 'b', true)], 'b', null],
    ['what is not known before what is a no', [check('tooLittle', 'a'), check('unknown', 'b')], 'b', 'unknown'],
    ['too old before too little', [check('tooLittle', 'a'), check('tooOld', 'b')], 'b', 'tooOld'],
    ['too little before ended', [check('ended', 'a'), check('tooLittle', 'b')], 'b', 'tooLittle'],
    ['ended before none', [check('none', 'a'), check('ended', 'b')], 'b', 'ended'],
    ['none before no subscription', [check('none', 'a')], 'a', 'none'],
  ])('of several subscriptions: %s', (_, checks, subscriptionId, reason) => {
    expect(anyOf(checks)).toMatchObject({ subscriptionId, reason, isEntitled: checks.some((one) => one.isEntitled) });
  });
});
