/**
 * M5, M6: what happens at one and the same instant. Siblings: a replacement at the very instant of its predecessor's
 * start, whichever row is the older; a legacy start that AWS tells twice under two message ids, with and without its
 * end; a buyer's arrival at the instant of a start.
 */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { stateOf } from '../../../src/subscription/agreements/subscription-state.js';
import { fact, instant, iso, MAY_NOT_ASK, NOT_ASKED } from './facts.js';
import { chainOf, payerAt, relationOf, timelineFor } from './relation.js';

describe('a successor that starts at the very instant of its predecessor’s start', () => {
  const created = (name: string, previous: string | null): AgreementFact =>
    fact(name, '11-11 10:00', 'agreement.created', { startTime: iso('11-11 10:00'), previousDigest: previous });

  it.each([
    ['agmt-1', 'agmt-2'],
    ['agmt-2', 'agmt-1'],
  ])('%s is followed by %s: one subscription, all instants the successor’s', (first, second) => {
    const world = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: ['l-2'] } };
    const relation = relationOf(world, [created(first, null), created(second, first)], NOT_ASKED, false);
    expect(relation.joining.previousOf).toEqual(new Map([[second, first]]));
    expect(relation.joining.conflicts).toEqual([]);
    expect(chainOf(relation, first)).toBe(chainOf(relation, second));
    const timeline = timelineFor(chainOf(relation, first), NOT_ASKED, instant('11-11 12:00'));
    expect(payerAt(timeline, instant('11-11 11:00'))).toBe(`${second} paid`);
  });
});

describe('a legacy start that is told twice, under two message ids', () => {
  const start = (at = '11-11 10:00'): AgreementFact =>
    fact(null, at, 'legacy.subscribeSucceeded', { isFreeTrial: false });

  it('at one instant is one agreement', () => {
    const { assignment, chains } = relationOf({}, [start(), start()], NOT_ASKED, true);
    expect(assignment.wanted).toHaveLength(1);
    expect([...chains.values()].map((chain) => chain.length)).toEqual([1]);
  });

  it('is over by one end, and nothing is doubtful', () => {
    const end = fact(null, '11-15 10:00', 'legacy.unsubscribed');
    const relation = relationOf({}, [start(), end, start()], NOT_ASKED, true);
    expect(relation.assignment.doubts).toEqual([]);
    const [chain = []] = [...relation.chains.values()];
    expect(stateOf(chain, MAY_NOT_ASK, instant('11-16 10:00')).state).toBe('ended');
  });

  it('is the same row whichever of the two is heard first', () => {
    const [a, b] = [start(), start()];
    const wanted = [[a], [b], [a, b], [b, a]].map((facts) => relationOf({}, facts, NOT_ASKED, true).assignment);
    expect(wanted[2]?.wanted).toEqual(wanted[3]?.wanted);
    const standing = wanted[2]?.wanted[0];
    expect(wanted[2]?.aliases).toEqual(new Map());
    expect([a.id, b.id]).toContain(standing);
  });

  it('at another instant is another agreement', () => {
    expect(relationOf({}, [start(), start('11-12 10:00')], NOT_ASKED, true).assignment.wanted).toHaveLength(2);
  });
});
