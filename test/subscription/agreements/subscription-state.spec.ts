import { describe, expect, it } from '@jest/globals';
import { type AgreementLife, type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import {
  type ChainAgreement,
  endedToldAfter,
  phasedAgreementsOf,
  type ProjectedState,
  stateOf,
  type SubscriptionState,
  tellingsOf,
  type ToldState,
  withEndKept,
  withTermsAwaited,
} from '../../../src/subscription/agreements/subscription-state.js';
import { asked, instant, MAY_NOT_ASK, NOT_ASKED } from './facts.js';

// The rule by itself: lives as they are given, whatever facts made them. From facts to bills: cases.spec.ts.

const NOW = '11-20 12:00';
const at = (text: string | null): Date | null => (text === null ? null : instant(text));

interface Given {
  id?: string;
  aliases?: string[];
  previous?: string;
  start?: string | null;
  told?: boolean;
  confirmed?: string | null;
  /** The end: when it was, and its signs where they are other than that. */
  end?: string;
  lastSign?: string;
  lastHeard?: string;
  announces?: boolean;
  byHost?: boolean;
  planned?: string;
  trial?: string | null;
  suspended?: boolean;
  failed?: boolean;
  doubt?: string;
  termsHeard?: string;
}

function agreement(given: Given = {}): ChainAgreement {
  const { start = '11-01 00:00', told = true, end } = given;
  const life: AgreementLife = {
    start:
      start === null
        ? null
        : {
            at: instant(start),
            isTold: told,
            confirmedAt: at(given.confirmed === undefined ? start : given.confirmed),
          },
    end:
      end === undefined
        ? null
        : {
            ...{ at: instant(end), firstSignAt: instant(end), lastSignAt: instant(given.lastSign ?? end) },
            lastHeardAt: instant(given.lastHeard ?? given.lastSign ?? end),
            ...{ announcesSuccessor: given.announces ?? false, isByHost: given.byHost ?? false },
            calledRenewed: null,
          },
    plannedEndAt: at(given.planned ?? null),
    trial: given.trial === undefined ? null : { until: at(given.trial) },
    isSuspended: given.suspended ?? false,
    hasFailed: given.failed ?? false,
    doubt: given.doubt === undefined ? null : { askFrom: instant(given.doubt), reason: 'unknownStart' },
    openTerms: given.termsHeard === undefined ? null : { from: null, heardAt: instant(given.termsHeard) },
  };
  return { id: given.id ?? 'a', aliasIds: given.aliases ?? [], previousId: given.previous ?? null, life };
}

const RUNNING = agreement();
const OVER: Given = { end: '11-15 00:00' };
const state = (chain: ChainAgreement[], asking: Asking = asked(NOW), now = NOW): ProjectedState =>
  stateOf(chain, asking, instant(now));

describe('what a subscription is', () => {
  const AHEAD = { id: 'b', start: '12-01 00:00' };
  const ARRIVED = { id: 'b', start: '11-18 00:00', told: false, confirmed: null };
  it.each<[string, ChainAgreement[], SubscriptionState, string | null]>([
    ['active, while an agreement runs', [RUNNING], 'active', 'a'],
    ['a trial, while its trial lasts', [agreement({ trial: '11-20 12:01' })], 'trial', 'a'],
    ['active at the instant at which its trial is over', [agreement({ trial: NOW })], 'active', 'a'],
    ['a trial as long as it lasts, where it is all trial', [agreement({ trial: null })], 'trial', 'a'],
    ['suspended, also in its trial', [agreement({ trial: null, suspended: true })], 'suspended', 'a'],
    ['ended, where AWS was asked since', [agreement(OVER)], 'ended', 'a'],
    ['ending, for an hour after its last sign', [agreement({ ...OVER, lastSign: '11-20 11:01' })], 'ending', 'a'],
    ['not ending at the end of that hour', [agreement({ ...OVER, lastSign: '11-20 11:00' })], 'ended', 'a'],
    ['ending, for an hour after the sign was heard', [agreement({ ...OVER, lastHeard: '11-20 11:01' })], 'ending', 'a'],
    ['upcoming, where all there is lies ahead', [agreement({ start: '12-01 00:00' })], 'upcoming', null],
    ['upcoming, between one that is over and one ahead', [agreement(OVER), agreement(AHEAD)], 'upcoming', 'a'],
    ['registered, before anything', [], 'registered', null],
    ['registered, where the buyer has only arrived', [agreement({ told: false, confirmed: null })], 'registered', null],
    ['registered, where only a name is known', [agreement({ start: null })], 'registered', null],
    [
      'registered, where a purchase failed and another is named',
      [agreement({ start: null, failed: true }), agreement({ id: 'b', start: null })],
      'registered',
      null,
    ],
    ['failed, where the purchase failed', [agreement({ start: null, failed: true })], 'failed', null],
    [
      'registered, where the buyer came back after a purchase that failed',
      [agreement({ start: null, failed: true }), agreement(ARRIVED)],
      'registered',
      null,
    ],
    ['registered, where the buyer came back after an end', [agreement(OVER), agreement(ARRIVED)], 'registered', 'a'],
    [
      'ended, where who arrived came no later than what is over began',
      [agreement({ ...OVER, start: '11-18 00:00', end: '11-19 00:00' }), agreement(ARRIVED)],
      'ended',
      'a',
    ],
    [
      'ended, where beside it only a name is known',
      [agreement({ start: null, id: 'b' }), agreement(OVER)],
      'ended',
      'a',
    ],
    [
      'what the later of two that run is',
      [agreement({ id: 'b', start: '11-10 00:00', suspended: true }), RUNNING],
      'suspended',
      'b',
    ],
    [
      'what the one is that runs, not the later that is over',
      [RUNNING, agreement({ id: 'b', start: '11-10 00:00', end: '11-12 00:00' })],
      'active',
      'a',
    ],
    [
      'of two that are over, the one that was over last',
      [agreement({ id: 'b', start: '11-02 00:00', end: '11-10 00:00' }), agreement({ end: '11-16 00:00' })],
      'ended',
      'a',
    ],
    [
      'of two that were over at one instant, the one that began later',
      [agreement({ id: 'b', start: '11-02 00:00', end: '11-15 00:00' }), agreement(OVER)],
      'ended',
      'b',
    ],
  ])('%s', (_, chain, expected, current) => {
    const { state: is, currentAgreementId } = state(chain);
    expect({ is, currentAgreementId }).toEqual({ is: expected, currentAgreementId: current });
  });

  it.each<[string, Asking, Given, SubscriptionState]>([
    ['ending until AWS was asked', NOT_ASKED, {}, 'ending'],
    ['ending while the answer is too young to know of it', asked('11-15 00:09'), {}, 'ending'],
    ['ended when the answer can know of it', asked('11-15 00:10'), {}, 'ended'],
    ['ended where AWS may not be asked', MAY_NOT_ASK, {}, 'ended'],
    ['ended without asking by the host’s own word', NOT_ASKED, { byHost: true }, 'ended'],
  ])('after an end: %s', (_, asking, over, expected) => {
    expect(state([agreement({ ...OVER, ...over })], asking).state).toBe(expected);
  });

  it('was a trial in the end, or was not any more', () => {
    expect(state([agreement({ ...OVER, trial: '11-16 00:00' })]).isTrial).toBe(true);
    expect(state([agreement({ ...OVER, trial: '11-15 00:00' })]).isTrial).toBe(false);
    expect(state([agreement({ trial: '11-21 00:00' })]).isTrial).toBe(true);
    expect(state([agreement({ trial: '11-20 00:00' })]).isTrial).toBe(false);
    expect(state([]).isTrial).toBe(false);
  });

  it('says when the last one was over: not while any runs, also while its successor is awaited', () => {
    expect(state([RUNNING]).endsAt).toBeNull();
    expect(state([agreement({ end: '12-01 00:00' })]).endsAt).toBeNull();
    expect(state([agreement(OVER)]).endsAt).toEqual(instant('11-15 00:00'));
    expect(state([agreement({ end: '11-20 11:59', announces: true })], NOT_ASKED).endsAt).toEqual(
      instant('11-20 11:59'),
    );
    expect(state([agreement({ planned: '11-20 11:00' })], NOT_ASKED)).toMatchObject({
      state: 'active',
      endsAt: instant('11-20 11:00'),
    });
    expect(state([]).endsAt).toBeNull();
  });
});

describe('when it may read otherwise by itself', () => {
  it.each<[string, ChainAgreement[], string | null]>([
    ['never, where nothing is known', [], null],
    ['never, while one runs of which no end is known', [RUNNING], null],
    ['when one begins', [agreement({ start: '12-01 00:00' })], '12-01 00:00'],
    ['when its trial is over', [agreement({ trial: '11-25 00:00' })], '11-25 00:00'],
    ['at its end', [agreement({ end: '11-25 00:00' })], '11-25 00:00'],
    ['an hour after the last sign of it', [agreement({ ...OVER, lastSign: '11-20 11:30' })], '11-20 12:30'],
    [
      'at the first of all that lies ahead',
      [agreement({ trial: '11-25 00:00' }), agreement({ id: 'b', start: '11-22 00:00' })],
      '11-22 00:00',
    ],
    [
      'when a successor begins',
      [agreement({ end: '12-02 00:00' }), agreement({ id: 'b', start: '12-01 00:00', previous: 'a' })],
      '12-01 00:00',
    ],
  ])('%s', (_, chain, expected) => {
    expect(state(chain).nextChangeAt).toEqual(at(expected));
  });
});

describe('when AWS is to be asked', () => {
  it.each<[string, ChainAgreement[], Asking, string | null]>([
    ['not, while one runs', [RUNNING], NOT_ASKED, null],
    ['ten minutes after an end', [agreement(OVER)], NOT_ASKED, '11-15 00:10'],
    ['not, where it was asked since', [agreement(OVER)], asked('11-15 00:10'), null],
    ['again, where it was asked too soon', [agreement(OVER)], asked('11-15 00:09'), '11-15 00:10'],
    ['not of the host’s own word', [agreement({ ...OVER, byHost: true })], NOT_ASKED, null],
    ['ten minutes after an end that is planned', [agreement({ planned: '12-01 00:00' })], NOT_ASKED, '12-01 00:10'],
    ['from when there is a doubt', [agreement({ doubt: '11-18 00:00' })], NOT_ASKED, '11-18 00:00'],
    ['at the first of several', [agreement({ ...OVER, doubt: '11-14 00:00' })], NOT_ASKED, '11-14 00:00'],
    ['never, where it may not be', [agreement({ ...OVER, doubt: '11-14 00:00' })], MAY_NOT_ASK, null],
    [
      'after a successor has begun',
      [agreement(), agreement({ id: 'b', start: '11-10 00:00', previous: 'a' })],
      NOT_ASKED,
      '11-10 00:10',
    ],
  ])('%s', (_, chain, asking, expected) => {
    expect(state(chain, asking).askAt).toEqual(at(expected));
  });
});

describe('an agreement and its successor', () => {
  const first = (over: Given = {}): ChainAgreement => agreement(over);
  const next = (over: Given = {}): ChainAgreement =>
    agreement({ id: 'b', previous: 'a', start: '11-10 00:00', ...over });
  const seen = (chain: ChainAgreement[], asking: Asking = asked(NOW), now = NOW): string[] =>
    phasedAgreementsOf(chain, asking, instant(now)).map(
      ({ id, phase, over, isFollowed }) =>
        `${id} ${phase}${over === null ? '' : ` until ${over.at.toISOString().slice(5, 16)}`}${isFollowed ? ', followed' : ''}`,
    );

  it.each<[string, ChainAgreement[], string[]]>([
    ['gives its time to it', [next(), first()], ['a over until 11-10T00:00, followed', 'b inForce']],
    [
      'by any of its ids',
      [first({ aliases: ['x', 'y'] }), next({ previous: 'y' })],
      ['a over until 11-10T00:00, followed', 'b inForce'],
    ],
    ['not to one that follows another', [first(), next({ previous: 'z' })], ['a inForce', 'b inForce']],
    [
      'not to one that follows none',
      [first(), agreement({ id: 'b', start: '11-10 00:00' })],
      ['a inForce', 'b inForce'],
    ],
    [
      'keeps an end of its own that came before',
      [first({ end: '11-08 00:00' }), next()],
      ['a over until 11-08T00:00, followed', 'b inForce'],
    ],
    [
      'is cut by it where its own end comes later',
      [first({ end: '11-18 00:00' }), next()],
      ['a over until 11-10T00:00, followed', 'b inForce'],
    ],
    [
      'runs until it begins',
      [first(), next({ start: '12-01 00:00' })],
      ['a inForce until 12-01T00:00, followed', 'b upcoming'],
    ],
    [
      'leaves no gap where it begins within the hour',
      [first({ end: '11-20 11:30' }), next({ start: '11-20 12:30' })],
      ['a awaitingSuccessor until 11-20T11:30, followed', 'b upcoming'],
    ],
    [
      'leaves one where it begins later',
      [first({ end: '11-20 11:29' }), next({ start: '11-20 12:30' })],
      ['a over until 11-20T11:29, followed', 'b upcoming'],
    ],
    [
      'leaves none to be filled where it begins now',
      [first({ end: '11-20 11:30' }), next({ start: NOW })],
      ['a over until 11-20T11:30, followed', 'b inForce'],
    ],
    [
      'loses nothing to one that arrived, and whose purchase failed',
      [first(), next({ told: false, confirmed: NOW, failed: true })],
      ['a inForce', 'b failed'],
    ],
    [
      'is over at the very instant of its start',
      [first(), next({ start: NOW })],
      [`a over until 11-20T12:00, followed`, 'b inForce'],
    ],
    [
      'gives it to the first of several',
      [first(), next({ start: '11-12 00:00' }), next({ id: 'c', start: '11-10 00:00' })],
      ['a over until 11-10T00:00, followed', 'c inForce', 'b inForce'],
    ],
    [
      'loses nothing to one whose purchase failed',
      [first(), next({ start: null, failed: true })],
      ['b failed', 'a inForce'],
    ],
    [
      'loses nothing to one of which only the name is known',
      [first(), next({ start: null })],
      ['b unknown', 'a inForce'],
    ],
    [
      'loses nothing to one that was called off before it began',
      [first(), next({ start: '12-01 00:00', end: '11-30 00:00' })],
      ['a inForce', 'b over until 11-30T00:00'],
    ],
    [
      'loses nothing to one that was called off as it began',
      [first(), next({ start: '12-01 00:00', end: '12-01 00:00' })],
      ['a inForce', 'b over until 12-01T00:00'],
    ],
    [
      'gives way to one that was called off after it began',
      [first(), next({ end: '11-12 00:00' })],
      ['a over until 11-10T00:00, followed', 'b over until 11-12T00:00'],
    ],
    [
      'loses nothing to a start that nobody has told or confirmed',
      [first(), next({ told: false, confirmed: null })],
      ['a inForce', 'b registered'],
    ],
    [
      'gives way to a start that has proven to be one',
      [first(), next({ told: false, confirmed: NOW })],
      ['a over until 11-10T00:00, followed', 'b inForce'],
    ],
    ['not before it has', [first(), next({ told: false, confirmed: '11-20 12:01' })], ['a inForce', 'b registered']],
    [
      'is awaiting it, where it is over and a start may have bridged that which has not proven to be one yet',
      [first(OVER), next({ start: '11-15 00:04', told: false, confirmed: '11-20 12:01' })],
      ['a awaitingSuccessor until 11-15T00:00', 'b registered'],
    ],
    [
      'not where nobody but its buyer has come',
      [first(OVER), next({ start: '11-15 00:04', told: false, confirmed: null })],
      ['a over until 11-15T00:00', 'b registered'],
    ],
    [
      'nor where the host has ended it',
      [first({ ...OVER, byHost: true }), next({ start: '11-15 00:04', told: false, confirmed: '11-20 12:01' })],
      ['a over until 11-15T00:00', 'b registered'],
    ],
    [
      'nor one that follows another',
      [first(OVER), next({ previous: 'z', start: '11-15 00:04', told: false, confirmed: '11-20 12:01' })],
      ['a over until 11-15T00:00', 'b registered'],
    ],
    [
      'nor one that is over, too',
      [first(OVER), next({ start: '11-15 00:04', told: false, confirmed: '11-20 12:01', end: '11-15 00:05' })],
      ['a over until 11-15T00:00', 'b over until 11-15T00:05'],
    ],
    [
      'stays unknown, where only its name is known',
      [first({ start: null }), next()],
      ['a unknown until 11-10T00:00, followed', 'b inForce'],
    ],
    [
      'in one order where both began at one instant',
      [agreement({ id: 'z' }), agreement({ id: 'y' })],
      ['y inForce', 'z inForce'],
    ],
  ])('%s', (_, chain, expected) => {
    expect(seen(chain)).toEqual(expected);
  });

  it('is over at an end that was planned, once AWS has not said otherwise', () => {
    const planned = first({ planned: '11-15 00:00' });
    expect(seen([planned], asked('11-14 00:00'))).toEqual(['a awaitingSuccessor until 11-15T00:00']);
    expect(seen([first({ planned: '12-15 00:00' })])).toEqual(['a inForce']);
  });
});

const SAME: ToldState = { state: 'active', currentAgreementId: 'a', isTrial: false, endedTold: false };
const projected = (over: Partial<ProjectedState> = {}): ProjectedState => ({
  ...{ state: 'active', currentAgreementId: 'a', isTrial: false },
  ...{ endsAt: null, nextChangeAt: null, askAt: null },
  ...over,
});
const END = instant('11-15 00:00');

describe('what the host is told', () => {
  const b = agreement({ id: 'b', start: '11-10 00:00' });
  const chain = [RUNNING, b];
  const startsAt = instant('11-01 00:00');
  const activated = { type: 'activated', agreementId: 'a', startsAt, isTrial: false };
  const renewed = {
    ...{ type: 'renewed', agreementId: 'b', previousAgreementId: 'a' },
    ...{ startsAt: instant('11-10 00:00'), isTrial: false },
  };
  it.each<[string, Partial<ToldState> | null, Partial<ProjectedState>, object[]]>([
    ['nothing, where nothing changed', {}, {}, []],
    ['nothing, where nothing is known yet', null, { state: 'registered', currentAgreementId: null }, []],
    ['that it is active, where it is new', null, {}, [{ ...activated, previousState: 'registered' }]],
    [
      'that it is active, after it was only registered',
      { state: 'registered' },
      {},
      [{ ...activated, previousState: 'registered' }],
    ],
    [
      'that it is active, where nothing was in force',
      { currentAgreementId: null },
      {},
      [{ ...activated, previousState: 'active' }],
    ],
    [
      'that it is active again after it was suspended',
      { state: 'suspended' },
      {},
      [{ ...activated, previousState: 'suspended' }],
    ],
    [
      'that it is active again after it had ended',
      { state: 'ended', endedTold: true },
      {},
      [{ ...activated, previousState: 'ended' }],
    ],
    ['that it was renewed', {}, { currentAgreementId: 'b' }, [renewed]],
    ['that it was renewed in the hour of its end', { state: 'ending' }, { currentAgreementId: 'b' }, [renewed]],
    [
      'that it is active, not renewed, where the end was told',
      { state: 'ended', endedTold: true },
      { currentAgreementId: 'b' },
      [{ ...renewed, type: 'activated', previousState: 'ended', previousAgreementId: undefined }],
    ],
    ['nothing of one that awaits its successor', {}, { currentAgreementId: 'b', endsAt: END }, []],
    ['nothing of an earlier one that runs on', { currentAgreementId: 'b' }, {}, []],
    ['that it failed', {}, { state: 'failed', currentAgreementId: null }, [{ type: 'failed' }]],
    ['that it failed, where it is new', null, { state: 'failed', currentAgreementId: null }, [{ type: 'failed' }]],
    ['that it failed once', { state: 'failed' }, { state: 'failed', currentAgreementId: null }, []],
    ['that it is suspended', {}, { state: 'suspended' }, [{ type: 'suspended', agreementId: 'a' }]],
    ['that it is suspended once', { state: 'suspended' }, { state: 'suspended' }, []],
    ['that it is ending', {}, { state: 'ending', endsAt: END }, [{ type: 'ending', agreementId: 'a', endsAt: END }]],
    [
      'that it is ending, where it is new',
      null,
      { state: 'ending', endsAt: END },
      [{ type: 'ending', agreementId: 'a', endsAt: END }],
    ],
    ['that it is ending once', { state: 'ending' }, { state: 'ending', endsAt: END }, []],
    ...(['registered', 'upcoming', 'failed'] as const).flatMap(
      (state): [string, Partial<ToldState>, Partial<ProjectedState>, object[]][] => [
        [`nothing of an ending of what was over before (${state})`, { state }, { state: 'ending', endsAt: END }, []],
        [
          `that another is ending, though (${state})`,
          { state, currentAgreementId: 'b' },
          { state: 'ending', endsAt: END },
          [{ type: 'ending', agreementId: 'a', endsAt: END }],
        ],
      ],
    ),
    ['nothing of an ending after the end', { state: 'ended', endedTold: true }, { state: 'ending', endsAt: END }, []],
    [
      'that it has ended',
      { state: 'ending' },
      { state: 'ended', endsAt: END },
      [{ type: 'ended', agreementId: 'a', endsAt: END }],
    ],
    ['that it has ended once', { endedTold: true }, { state: 'ended', endsAt: END }, []],
    ['nothing while it lies ahead', {}, { state: 'upcoming' }, []],
    ['nothing of one that is not in the chain', {}, { currentAgreementId: 'z' }, []],
  ])('%s', (_, told, is, expected) => {
    const before = told === null ? null : { ...SAME, ...told };
    expect(tellingsOf(before, projected(is), chain)).toEqual(expected);
  });

  it('by any id of the agreement that it was told of', () => {
    const folded = [agreement({ aliases: ['x'] }), b];
    const over = projected({ state: 'ending', endsAt: END });
    expect(tellingsOf({ ...SAME, state: 'registered', currentAgreementId: 'x' }, over, folded)).toEqual([]);
    expect(tellingsOf({ ...SAME, currentAgreementId: 'x' }, projected(), folded)).toEqual([]);
    expect(tellingsOf({ ...SAME, currentAgreementId: 'x' }, projected({ currentAgreementId: 'b' }), folded)).toEqual([
      renewed,
    ]);
  });

  it('of the one before, whichever stands first', () => {
    const c = agreement({ id: 'c', start: '11-12 00:00' });
    const before = { ...SAME, currentAgreementId: 'b' };
    expect(tellingsOf(before, projected({ currentAgreementId: 'c' }), [RUNNING, b, c])).toMatchObject([
      { type: 'renewed', agreementId: 'c', previousAgreementId: 'b' },
    ]);
  });

  it('of a renewal where nobody knows when one of the two began', () => {
    const nobody = [agreement({ start: null }), b];
    expect(tellingsOf(SAME, projected({ currentAgreementId: 'b' }), nobody)).toEqual([renewed]);
    const same = [agreement({ start: '11-10 00:00' }), b];
    expect(tellingsOf(SAME, projected({ currentAgreementId: 'b' }), same)).toEqual([renewed]);
    expect(tellingsOf(null, projected({ currentAgreementId: 'a' }), nobody)).toEqual([
      { ...activated, startsAt: new Date(0), previousState: 'registered' },
    ]);
  });

  it('of the end of a trial: when it was over, or when what followed began', () => {
    const trial: ToldState = { ...SAME, state: 'trial', isTrial: true };
    const until = agreement({ trial: '11-12 00:00' });
    expect(tellingsOf(trial, projected(), [until])).toEqual([
      { type: 'converted', agreementId: 'a', at: instant('11-12 00:00') },
    ]);
    expect(tellingsOf(trial, projected(), [agreement({ trial: null })])).toEqual([
      { type: 'converted', agreementId: 'a', at: startsAt },
    ]);
    expect(tellingsOf(trial, projected(), [RUNNING])).toEqual([{ type: 'converted', agreementId: 'a', at: startsAt }]);
    const after = agreement({ id: 'b', start: '11-10 00:00', trial: '11-09 00:00' });
    expect(tellingsOf(trial, projected({ currentAgreementId: 'b' }), [until, after])).toEqual([
      renewed,
      { type: 'converted', agreementId: 'b', at: instant('11-10 00:00') },
    ]);
    expect(tellingsOf(trial, projected({ isTrial: true }), [until])).toEqual([]);
    expect(tellingsOf({ ...trial, endedTold: true }, projected(), [until])).toEqual([
      { ...activated, previousState: 'trial' },
    ]);
  });
});

describe('whether the host has heard of the end', () => {
  it.each<[string, boolean | null, SubscriptionState, string | null, boolean]>([
    ['it has, when it is told', false, 'ended', 'a', true],
    ['it has not, where there was none to tell of', false, 'ended', null, false],
    ['it still has, while something lies ahead', true, 'upcoming', 'a', true],
    ['it still has, while it is suspended', true, 'suspended', 'a', true],
    ['it has not any more, when it is active again', true, 'active', 'a', false],
    ['it has not any more, when it is a trial again', true, 'trial', 'a', false],
    ['it has not, where it was not told', false, 'ending', 'a', false],
    ['it has not, where it is new', null, 'registered', null, false],
  ])('%s', (_, told, is, currentAgreementId, expected) => {
    const before = told === null ? null : { ...SAME, endedTold: told };
    expect(endedToldAfter(before, projected({ state: is, currentAgreementId }))).toBe(expected);
  });
});

describe('while a successor is awaited', () => {
  const keep = (told: Partial<ToldState> | null, is: Partial<ProjectedState>): ProjectedState =>
    withEndKept(told === null ? null : { ...SAME, ...told }, projected(is), [agreement({ aliases: ['x'] })]);

  it.each<[string, Partial<ToldState> | null, Partial<ProjectedState>, Partial<ProjectedState>]>([
    ['an end that was told stands', { state: 'ending' }, { endsAt: END }, { state: 'ending' }],
    ['also one that has closed', { state: 'ended' }, { endsAt: END }, { state: 'ended' }],
    ['trial and all', { state: 'ending', isTrial: true }, { endsAt: END }, { state: 'ending', isTrial: true }],
    ['under any of its ids', { state: 'ending', currentAgreementId: 'x' }, { endsAt: END }, { state: 'ending' }],
    ['and though it was suspended', { state: 'ending' }, { state: 'suspended', endsAt: END }, { state: 'ending' }],
    ['not that of another', { state: 'ending', currentAgreementId: 'b' }, { endsAt: END }, {}],
    ['nor where nothing was told', { currentAgreementId: null, state: 'registered' }, { endsAt: END }, {}],
    ['nor where it was told to be in force', { state: 'active' }, { endsAt: END }, {}],
    ['nor of what is new', null, { endsAt: END }, {}],
    ['nor where it runs again: the end was none', { state: 'ending' }, { endsAt: null }, {}],
    ['nor where it is over', { state: 'ending' }, { state: 'ended', endsAt: END }, {}],
  ])('%s', (_, told, is, kept) => {
    expect(keep(told, is)).toEqual(projected({ ...is, ...kept }));
  });
});

describe('while it is not known whether it is a trial', () => {
  const untold = agreement({ termsHeard: '11-20 11:59', aliases: ['x'] });
  const wait = (
    told: Partial<ToldState> | null,
    is: Partial<ProjectedState> = {},
    chain: ChainAgreement[] = [untold],
    now = NOW,
  ): ProjectedState =>
    withTermsAwaited(told === null ? null : { ...SAME, ...told }, projected(is), chain, instant(now));

  it.each<[string, Partial<ToldState> | null, Partial<ProjectedState>]>([
    ['a new one is registered', null, { state: 'registered', currentAgreementId: null }],
    [
      'what was told stands',
      { state: 'upcoming', currentAgreementId: null },
      { state: 'upcoming', currentAgreementId: null },
    ],
    [
      'the one before stands, trial and all',
      { state: 'trial', currentAgreementId: 'b', isTrial: true },
      { state: 'trial', currentAgreementId: 'b', isTrial: true },
    ],
    ['what has ended stands', { state: 'ended' }, { state: 'ended' }],
  ])('%s', (_, told, stands) => {
    expect(wait(told)).toEqual(projected(stands));
    expect(wait(told, { state: 'trial', isTrial: true })).toEqual(projected({ isTrial: false, ...stands }));
  });

  it('what was told to be in force stays so, under any of its ids', () => {
    const trial = projected({ state: 'trial', isTrial: true });
    expect(wait({}, trial)).toEqual(trial);
    expect(wait({ currentAgreementId: 'x' }, trial)).toEqual(trial);
    expect(wait({ state: 'suspended' }, trial)).toEqual(trial);
    expect(wait({ currentAgreementId: 'y', state: 'active' }, trial).state).toBe('active');
  });

  it('nothing waits longer than AWS has time to answer, nor for what is known', () => {
    expect(wait(null).state).toBe('registered');
    expect(wait(null, {}, [RUNNING]).state).toBe('active');
    expect(wait(null, {}, [untold], '11-20 12:03:59').state).toBe('registered');
    expect(wait(null, {}, [untold], '11-20 12:04:00').state).toBe('active');
  });

  it.each<Partial<ProjectedState>>([
    { state: 'suspended' },
    { state: 'ending', endsAt: END },
    { state: 'ended', endsAt: END },
    { state: 'upcoming' },
    { state: 'registered', currentAgreementId: null },
    { currentAgreementId: 'z' },
  ])('all else is told as it is: %j', (is) => {
    expect(wait(null, is)).toEqual(projected(is));
  });
});
