import { describe, expect, it } from '@jest/globals';
import { isBackBy, isUnknownAgreement } from '../../src/subscription/chain/buyer-return.js';
import { type NamedAgreement } from '../../src/subscription/chain/agreement.sql.js';
import { type LifecycleEvent } from '../../src/subscription/inbox/lifecycle-event.js';

const ERASED_AT = new Date('2026-11-20T12:00:00Z');
const BEFORE = new Date('2026-11-20T11:59:59Z');
const AFTER = new Date('2026-11-20T12:00:01Z');

const said = (type: string, at: Date, details: object = {}): LifecycleEvent =>
  ({ type, at, about: {}, details }) as LifecycleEvent;
const found = (status: string | null, entitled: boolean | null = null) =>
  said('agreement.found', AFTER, { status, entitled });

describe('whether a message brings the names of an erased buyer back', () => {
  it.each<[string, LifecycleEvent, { unknown?: boolean }, boolean]>([
    ['a purchase that came late', said('agreement.created', BEFORE), {}, false],
    ['a purchase after the erasure, of an agreement that is known', said('agreement.created', AFTER), {}, true],
    ['a purchase of long ago that nobody had heard of', said('agreement.created', BEFORE), { unknown: true }, true],
    ['a license that came late', said('license.updated', BEFORE), {}, false],
    ['a license after the erasure', said('license.updated', AFTER), {}, true],
    ['an arrival at the landing page', said('buyer.registered', AFTER), {}, true],
    ['a legacy subscribe-success of before, again', said('legacy.subscribeSucceeded', BEFORE), {}, false],
    ['a legacy subscribe-success of after', said('legacy.subscribeSucceeded', AFTER), {}, true],
    ['the same without a time of its own', { ...said('legacy.subscribeSucceeded', AFTER), isUntimed: true }, {}, false],
    ['AWS, asked, calls it in force', found('ACTIVE'), {}, true],
    ['AWS, asked, calls it over', found('CANCELLED'), {}, false],
    ['AWS, asked, calls over what nobody had heard of', found('EXPIRED'), { unknown: true }, false],
    ['AWS, asked, entitles to it', found(null, true), {}, true],
    ['AWS, asked, knows nothing of it', found(null, false), {}, false],
    ['an end, whenever', said('agreement.ended', AFTER), {}, false],
    ['an end of what nobody knows', said('agreement.ended', AFTER), { unknown: true }, false],
    ['an amendment', said('agreement.amended', AFTER), {}, false],
    ['a deprovisioning', said('license.deprovisioned', AFTER), {}, false],
    ['a notice', said('agreement.notice', AFTER), {}, false],
    ['a legacy unsubscribe', said('legacy.unsubscribed', AFTER), {}, false],
  ])('%s', (_, event, { unknown = false }, isBack) => {
    expect(isBackBy(event, { erasedAt: ERASED_AT, isUnknownAgreement: unknown })).toBe(isBack);
  });
});

describe('whether a message names an agreement that nobody knew', () => {
  const row = {} as NamedAgreement;
  const named = (...kinds: ('agreement' | 'license')[]) =>
    kinds.map((kind) => ({ kind, digest: kind, name: null, eventForm: null }));
  it.each<[string, Parameters<typeof isUnknownAgreement>[0], boolean]>([
    ['nothing named', { names: [], byKey: null, byLicense: [] }, false],
    ['both, and both known', { names: named('agreement', 'license'), byKey: row, byLicense: [row] }, false],
    ['both, and neither known', { names: named('agreement', 'license'), byKey: null, byLicense: [] }, true],
    [
      'both, of which the license came alone',
      { names: named('agreement', 'license'), byKey: null, byLicense: [row] },
      true,
    ],
    ['both, with a new license', { names: named('agreement', 'license'), byKey: row, byLicense: [] }, true],
    ['a known agreement', { names: named('agreement'), byKey: row, byLicense: [] }, false],
    ['another agreement', { names: named('agreement'), byKey: null, byLicense: [] }, true],
    ['a known license', { names: named('license'), byKey: null, byLicense: [row] }, false],
    ['another license', { names: named('license'), byKey: null, byLicense: [] }, true],
  ])('%s', (_, spoken, isUnknown) => {
    expect(isUnknownAgreement(spoken)).toBe(isUnknown);
  });
});
