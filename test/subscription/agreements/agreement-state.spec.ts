/** An agreement's own life: its start, its phase, when that may change, and what only AWS can settle. */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import {
  type AgreementPhase,
  type Asking,
  type Doubt,
  type Question,
} from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf, openDoubtOf, phaseOf, turningPointsOf } from '../../../src/subscription/agreements/agreement-state.js';
import { asked, fact, instant, iso, MAY_NOT_ASK, NOT_ASKED } from './facts.js';

const created = (startTime: string | null, at = '11-01 00:00', more: { endTime?: string; status?: string } = {}) =>
  fact('a', at, 'agreement.created', { startTime: startTime === null ? null : iso(startTime), ...more });
const STARTED = created('11-01 00:00');
const startOf = (facts: readonly AgreementFact[], asking: Asking = NOT_ASKED) => lifeOf(facts, asking).start;
const phase = (facts: readonly AgreementFact[], now: string, asking: Asking = NOT_ASKED): AgreementPhase =>
  phaseOf(lifeOf(facts, asking), asking, instant(now));

describe('a start that nobody has told', () => {
  const provisional = (at: string, confirmedAt: string | null) => ({
    ...{ at: instant(at), isTold: false, confirmedAt: confirmedAt === null ? null : instant(confirmedAt) },
  });
  const arrival = fact('a', '11-05 10:00', 'buyer.registered');
  const license = fact('a', '11-05 10:10', 'license.updated', {}, { heardAt: '11-05 10:12' });

  it('is the buyer’s arrival, and nothing confirms it', () => {
    expect(startOf([arrival])).toEqual(provisional('11-05 10:00', null));
  });

  it('is the hour since which the host says that the buyer buys, never after he was entered', () => {
    const since = (at: string) => fact('a', '11-05 10:00', 'buyer.registered', { since: iso(at) });
    expect(startOf([since('11-01 00:00')])).toEqual(provisional('11-01 00:00', null));
    expect(startOf([since('11-06 00:00')])).toEqual(provisional('11-05 10:00', null));
    expect(startOf([license, since('11-01 00:00')])).toEqual(provisional('11-01 00:00', '11-06 10:10'));
  });

  it.each<[string, Asking, string]>([
    ['counts as in force when it has been alone for a day', NOT_ASKED, '11-06 10:10'],
    ['at once, where AWS may not be asked', MAY_NOT_ASK, '11-05 10:10'],
    ['when AWS has answered so late that the answer must know of it', asked('11-05 10:21'), '11-05 10:21'],
    ['also where that was the very instant', asked('11-05 10:20'), '11-05 10:20'],
    ['not by an answer that may be from before it', asked('11-05 10:19:59'), '11-06 10:10'],
    ['not later than alone', asked('11-06 10:30'), '11-06 10:10'],
    ['not by an answer from before', asked('11-05 10:11'), '11-06 10:10'],
  ])('is the first License event, which %s', (_, asking, confirmedAt) => {
    expect(startOf([license], asking)).toEqual(provisional('11-05 10:10', confirmedAt));
  });

  it('is Created without a time: AWS speaks of an agreement, in force from then', () => {
    expect(startOf([created(null, '11-05 10:00')])).toEqual(provisional('11-05 10:00', '11-05 10:00'));
  });

  it('is AWS’s answer that it is in force; one that it is not tells no start', () => {
    const found = (status: string) => fact('a', '11-05 10:00', 'agreement.found', { status });
    expect(startOf([found('ACTIVE')])).toEqual(provisional('11-05 10:00', '11-05 10:00'));
    expect(startOf([found('CANCELLED')])).toBeNull();
  });

  it('is the earliest of several, confirmed by the first that confirms', () => {
    expect(startOf([license, arrival])).toEqual(provisional('11-05 10:00', '11-06 10:10'));
  });

  it('is none where nothing tells that it exists in time', () => {
    expect(startOf([fact('a', '11-05 10:00', 'agreement.notice')])).toBeNull();
  });
});

describe('the phase of an agreement', () => {
  const failed = fact('a', '11-05 11:00', 'legacy.subscribeFailed');
  const arrival = fact('a', '11-05 10:00', 'buyer.registered');
  const ended = (status: string) => fact('a', '11-20 10:00', 'agreement.ended', { status });
  const announced = created('11-01 00:00', '11-01 00:00', { endTime: iso('12-01 00:00') });
  const called = [
    created('12-11 00:00', '11-11 00:00'),
    fact('a', '11-20 10:00', 'host.ended', { endsAt: iso('12-11 00:00') }),
  ];
  it.each<[string, AgreementFact[], Asking, string, AgreementPhase]>([
    ['only a name is known', [fact('a', '11-05 10:00', 'agreement.notice')], NOT_ASKED, '11-06 00:00', 'unknown'],
    ['its purchase failed, and its buyer never came', [failed], NOT_ASKED, '11-06 00:00', 'failed'],
    ['its purchase failed after the buyer came', [arrival, failed], NOT_ASKED, '11-06 00:00', 'failed'],
    [
      'its purchase failed once, and then succeeded',
      [arrival, failed, fact('a', '11-05 12:00', 'legacy.subscribeSucceeded')],
      NOT_ASKED,
      '11-06 00:00',
      'inForce',
    ],
    ['its buyer has arrived', [arrival], NOT_ASKED, '11-06 00:00', 'registered'],
    [
      'its buyer has arrived, and an end was told',
      [arrival, failed, fact('a', '11-05 12:00', 'legacy.unsubscribed')],
      NOT_ASKED,
      '11-06 00:00',
      'over',
    ],
    ['its start lies ahead', [created('12-11 00:00')], NOT_ASKED, '12-10 23:59', 'upcoming'],
    ['its start has come', [created('12-11 00:00')], NOT_ASKED, '12-11 00:00', 'inForce'],
    ['its end has not come', [STARTED, ended('CANCELLED')], NOT_ASKED, '11-20 09:59', 'inForce'],
    ['its end has come', [STARTED, ended('CANCELLED')], NOT_ASKED, '11-20 10:00', 'over'],
    ['it was called off for the instant of its start', called, NOT_ASKED, '11-25 00:00', 'over'],
    ['its announced end lies ahead', [announced], NOT_ASKED, '11-30 23:59', 'inForce'],
    ['its announced end has come, and AWS can be asked', [announced], NOT_ASKED, '12-01 00:00', 'awaitingSuccessor'],
    ['its announced end has come, and AWS may not be asked', [announced], MAY_NOT_ASK, '12-02 00:00', 'inForce'],
    ['a successor was announced', [STARTED, ended('RENEWED')], NOT_ASKED, '11-28 00:00', 'awaitingSuccessor'],
    [
      'a successor was announced, and AWS, asked since, knows none',
      [STARTED, ended('RENEWED')],
      asked('11-20 10:10'),
      '11-20 10:10',
      'over',
    ],
    [
      'a successor was announced, and AWS may not be asked: for a day',
      [STARTED, ended('RENEWED')],
      MAY_NOT_ASK,
      '11-21 09:59',
      'awaitingSuccessor',
    ],
    ['and then no more', [STARTED, ended('RENEWED')], MAY_NOT_ASK, '11-21 10:00', 'over'],
  ])('%s', (_, facts, asking, now, expected) => {
    expect(phase(facts, now, asking)).toBe(expected);
  });
});

describe('when a life may read otherwise', () => {
  const points = (facts: readonly AgreementFact[], asking: Asking): string[] =>
    turningPointsOf(lifeOf(facts, asking), asking).map((at) => at.toISOString());
  const renewed = fact('a', '11-20 10:00', 'agreement.ended', { status: 'RENEWED' });

  it('at its start, its announced end, and when its terms are waited for no longer', () => {
    const facts = [created('12-11 00:00', '11-11 00:00', { endTime: iso('12-31 00:00') })];
    expect(points(facts, NOT_ASKED)).toEqual(
      ['12-11 00:00', '12-11 00:00', '12-31 00:00', '11-11 00:05'].map((at) => iso(at)),
    );
    expect(points(facts, MAY_NOT_ASK)).toEqual(['12-11 00:00', '12-11 00:00', '12-31 00:00'].map((at) => iso(at)));
  });

  it('at the end of its trial', () => {
    const terms = { trial: { until: iso('11-18 14:20') } };
    const found = fact('a', '11-02 00:00', 'agreement.found', { startTime: iso('11-01 00:00'), terms });
    expect(points([found], NOT_ASKED)).toEqual(['11-01 00:00', '11-01 00:00', '11-18 14:20'].map((at) => iso(at)));
  });

  it('at its end, and a day later where an announced successor cannot be asked for', () => {
    expect(points([STARTED, renewed], MAY_NOT_ASK)).toEqual(
      ['11-01 00:00', '11-01 00:00', '11-20 10:00', '11-21 10:00'].map((at) => iso(at)),
    );
    expect(points([STARTED, renewed], NOT_ASKED)).not.toContain(iso('11-21 10:00'));
    const cancelled = fact('a', '11-20 10:00', 'agreement.ended', { status: 'CANCELLED' });
    expect(points([STARTED, cancelled], MAY_NOT_ASK)).not.toContain(iso('11-21 10:00'));
  });
});

describe('a suspension', () => {
  const issued = (at: string) => fact('a', at, 'advisory.issued');
  const resolved = (at: string) => fact('a', at, 'advisory.resolved');
  it.each<[string, AgreementFact[], boolean]>([
    ['none without an advisory', [], false],
    ['from an advisory on', [issued('11-05 10:00')], true],
    ['until it is resolved', [issued('11-05 10:00'), resolved('11-05 11:00')], false],
    ['also where the two come in the other order', [resolved('11-05 11:00'), issued('11-05 10:00')], false],
    ['again by the next', [issued('11-05 10:00'), resolved('11-05 11:00'), issued('11-05 12:00')], true],
    ['of two at one instant the issued one counts', [issued('11-05 10:00'), resolved('11-05 10:00')], true],
    ['none by a resolution alone', [resolved('11-05 10:00')], false],
  ])('%s', (_, facts, expected) => {
    expect(lifeOf([STARTED, ...facts], NOT_ASKED).isSuspended).toBe(expected);
  });
});

describe('a doubt, which only AWS can settle', () => {
  const TOLD = fact('a', '11-01 00:00', 'agreement.found', {
    ...{ startTime: iso('11-01 00:00'), terms: { trial: null } },
  });
  const ended = fact('a', '11-20 10:00', 'agreement.ended');
  const doubt = (facts: readonly AgreementFact[], asking: Asking = NOT_ASKED): Doubt | null =>
    lifeOf(facts, asking).doubt;
  const active = (at: string) => fact('a', at, 'agreement.found', { status: 'ACTIVE', terms: { trial: null } });

  it('none about an agreement of which all is told', () => {
    expect(doubt([TOLD, ended])).toBeNull();
  });

  it.each<[string, AgreementFact[], Doubt | null]>([
    [
      'a message that tells no time of its own, from when it was heard',
      [TOLD, fact('a', '11-05 09:00', 'message.untimed', {}, { heardAt: '11-05 10:00' })],
      { askFrom: instant('11-05 10:00'), reason: 'untimedMessage' },
    ],
    [
      'an entitlement that changes after the end, from when it was heard',
      [TOLD, ended, fact('a', '11-20 10:01', 'license.updated', {}, { heardAt: '11-20 12:00' })],
      { askFrom: instant('11-20 12:00'), reason: 'startAfterEnd' },
    ],
    [
      'but not before AWS’s answer can know of the end',
      [TOLD, ended, fact('a', '11-20 10:01', 'license.updated')],
      { askFrom: instant('11-20 10:10'), reason: 'startAfterEnd' },
    ],
    [
      'AWS’s answer from just after the end that it goes on',
      [TOLD, ended, active('11-20 10:09')],
      { askFrom: instant('11-20 10:10'), reason: 'endToBeAskedAgain' },
    ],
    ['not its answer from before', [TOLD, ended, active('11-20 10:00')], null],
    [
      'not its answer that it does not',
      [TOLD, ended, fact('a', '11-20 10:05', 'agreement.found', { status: 'CANCELLED', terms: { trial: null } })],
      null,
    ],
    [
      'nothing of what comes after the host’s own end',
      [TOLD, fact('a', '11-20 10:00', 'host.ended', { endsAt: iso('11-20 10:00') }), active('11-20 10:09')],
      null,
    ],
    [
      'a start that nobody has told, from the first that was heard of it',
      [fact('a', '11-05 09:00', 'buyer.registered'), fact('a', '11-05 10:00', 'license.updated')],
      { askFrom: instant('11-05 10:00'), reason: 'unknownStart' },
    ],
    ['not of a buyer who has only arrived', [fact('a', '11-05 09:00', 'buyer.registered')], null],
    [
      'terms that may have changed',
      [TOLD, fact('a', '11-05 10:00', 'agreement.amended')],
      { askFrom: instant('11-05 10:00'), reason: 'unknownTerms' },
    ],
  ])('%s', (_, facts, expected) => {
    expect(doubt(facts)).toEqual(expected);
  });

  it('a start that a license alone tells: an answer that does not speak of it may be from before it', () => {
    const license = fact('a', '11-05 10:00', 'license.updated');
    const askedAgain = (at: string): Doubt | null => lifeOf([license], asked(at)).doubt;
    expect(askedAgain('11-05 10:00')).toEqual({ askFrom: instant('11-05 10:10'), reason: 'unknownStart' });
    expect(askedAgain('11-05 10:09:59')).toEqual({ askFrom: instant('11-05 10:10'), reason: 'unknownStart' });
    expect(askedAgain('11-05 10:10')).toBeNull();
  });

  it('a start that names no agreement, though its flag tells the price: it may be of one that runs, told anew', () => {
    const start = fact(null, '11-05 10:00', 'legacy.subscribeSucceeded', { isFreeTrial: false });
    const askedAgain = (at: string): Doubt | null => lifeOf([start], asked(at)).doubt;
    expect(doubt([start])).toEqual({ askFrom: instant('11-05 10:00'), reason: 'unknownStart' });
    expect(askedAgain('11-05 10:00')).toEqual({ askFrom: instant('11-05 10:10'), reason: 'unknownStart' });
    expect(askedAgain('11-05 10:10')).toBeNull();
    expect(
      doubt([start, fact('a', '11-05 10:00', 'agreement.created', { startTime: iso('11-05 10:00') })])?.reason,
    ).not.toBe('unknownStart');
  });

  it('a License event at the very instant of the end speaks of the end', () => {
    const license = fact('a', '11-20 10:00', 'license.updated');
    expect(doubt([TOLD, ended, license])?.reason).toBe('unknownTerms');
  });

  const early: Doubt = { askFrom: instant('11-05 10:00'), reason: 'unknownStart' };
  const late: Doubt = { askFrom: instant('11-15 10:00'), reason: 'untimedMessage' };

  it.each<[string, AgreementFact[], Asking, string | null]>([
    [
      'a message without a time: it may tell of what AWS does not list yet',
      [TOLD, fact('a', '11-05 09:00', 'message.untimed', {}, { heardAt: '11-05 10:00' })],
      asked('11-05 10:00'),
      '11-05 10:10',
    ],
    [
      'an entitlement that changed long after the end',
      [TOLD, ended, fact('a', '11-25 10:00', 'license.updated')],
      asked('11-25 10:00'),
      '11-25 10:10',
    ],
    [
      'not one that was heard of long after it changed',
      [TOLD, ended, fact('a', '11-25 10:00', 'license.updated', {}, { heardAt: '11-25 10:10' })],
      asked('11-25 10:10'),
      null,
    ],
    [
      'a start that nobody has told, and AWS does not know of',
      [fact('a', '11-05 10:00', 'license.updated')],
      asked('11-05 10:00'),
      '11-05 10:10',
    ],
    [
      'not one of an agreement of which it has spoken',
      [fact('a', '11-05 10:00', 'license.updated'), fact('a', '11-05 10:00', 'agreement.found', { status: null })],
      asked('11-05 10:00'),
      null,
    ],
    ['only once more', [TOLD, fact('a', '11-05 10:00', 'message.untimed')], asked('11-05 10:10'), null],
  ])('about which AWS is asked again when its answer must know of it: %s', (_, facts, asking, expected) => {
    expect(doubt(facts, asking)?.askFrom.toISOString() ?? null).toBe(expected === null ? null : iso(expected));
  });

  it('about which AWS is to be asked again waits for one about which it was not asked at all', () => {
    const again: Question = { ...late, settledFrom: instant('11-15 10:10') };
    const later: Question = { ...early, askFrom: instant('11-15 10:05') };
    expect(openDoubtOf([again, later], asked('11-15 10:00'))).toEqual(later);
    expect(openDoubtOf([again, { ...again, settledFrom: instant('11-15 10:20') }], asked('11-15 10:00'))).toEqual({
      ...{ askFrom: instant('11-15 10:20'), reason: 'untimedMessage' },
    });
    expect(openDoubtOf([again], asked('11-15 10:10'))).toBeNull();
  });

  it.each<[string, Doubt[], Asking, Doubt | null]>([
    ['of several the one that needs the latest answer', [early, late], NOT_ASKED, late],
    ['in any order', [late, early], NOT_ASKED, late],
    ['of two that need the same answer the first', [early, { ...late, askFrom: early.askFrom }], NOT_ASKED, early],
    ['settled by an answer from that instant on', [early], asked('11-05 10:00'), null],
    ['not by an earlier one', [early], asked('11-05 09:59'), early],
    ['none where AWS may not be asked', [early], MAY_NOT_ASK, null],
    ['none of none', [], NOT_ASKED, null],
  ])('%s', (_, doubts, asking, expected) => {
    expect(openDoubtOf(doubts, asking)).toEqual(expected);
  });
});
