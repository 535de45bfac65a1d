/**
 * The cases of lives of agreements as far as pure rules answer them (the rest of each, from message to bill, stands in
 * test/cases). Each title names its case; each stands for its kind: the same facts in any other order, repeated or
 * delayed, are judged by rules.property.spec.ts, license and legacy where both are written out below, and the other
 * ways in make the same facts.
 */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf, phaseOf } from '../../../src/subscription/agreements/agreement-state.js';
import { assignFacts } from '../../../src/subscription/agreements/fact-assignment.js';
import { stateOf } from '../../../src/subscription/agreements/subscription-state.js';
import { asked, fact, instant, iso, MAY_NOT_ASK, NOT_ASKED } from './facts.js';
import { chainOf, Host, type KnownAgreement, payerAt, relationOf, spanAt, timelineFor } from './relation.js';

/** Plays a world of facts as it is heard: at each instant what was heard by then. */
function play(
  agreements: Readonly<Record<string, KnownAgreement>>,
  facts: readonly AgreementFact[],
  of: string,
  instants: readonly string[],
  { asking = NOT_ASKED, isLegacy = false }: { asking?: Asking | ((at: Date) => Asking); isLegacy?: boolean } = {},
): Host {
  const host = new Host();
  for (const at of instants.map(instant)) {
    const by = typeof asking === 'function' ? asking(at) : asking;
    const heard = facts.filter(({ heardAt }) => heardAt <= at);
    const known = Object.fromEntries(
      Object.entries(agreements).filter(([id]) => heard.some(({ agreementId }) => agreementId === id)),
    );
    host.hear(chainOf(relationOf(known, heard, by, isLegacy), of), by, at);
  }
  return host;
}

const L1 = fact('agmt-1', '10-11 00:00', 'agreement.created', { startTime: iso('10-11 00:00') });

describe('M3, M4: what is signed ahead starts on its day (siblings: renewal and replacement, either order of Created and License Updated, one second)', () => {
  const created = (intent: string): AgreementFact =>
    fact('agmt-2', '11-11 09:00:00', 'agreement.created', {
      intent,
      startTime: iso('12-11 00:00'),
      previousDigest: 'agmt-1',
    });
  const license = fact('agmt-2', '11-11 09:00:00', 'license.updated');
  const world = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: ['l-2'] } };

  it.each(['RENEW', 'REPLACE'])(
    '%s: l-1 is billed until the day, l-2 from then; the host hears `renewed` once, on the day',
    (intent) => {
      const facts = [L1, license, created(intent)];
      const host = play(world, facts, 'agmt-1', [
        '10-11 00:00',
        '11-11 09:00:01',
        '11-20 00:00',
        '12-10 23:59',
        '12-11 00:00',
        '12-12 00:00',
      ]);
      expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
      const timeline = timelineFor(
        chainOf(relationOf(world, facts, NOT_ASKED, false), 'agmt-1'),
        NOT_ASKED,
        instant('12-12 00:00'),
      );
      expect([payerAt(timeline, instant('12-10 23:59')), payerAt(timeline, instant('12-11 00:00'))]).toEqual([
        'agmt-1 paid',
        'agmt-2 paid',
      ]);
    },
  );

  it('the License event alone starts nothing while AWS can still tell when; alone for long, it does', () => {
    const life = lifeOf([license], NOT_ASKED);
    expect(phaseOf(life, NOT_ASKED, instant('11-11 09:01'))).toBe('registered');
    expect(phaseOf(life, NOT_ASKED, instant('11-12 08:59'))).toBe('registered');
    expect(phaseOf(life, NOT_ASKED, instant('11-12 09:00'))).toBe('inForce');
    const phaseAt = (at: string) => phaseOf(lifeOf([license], asked(at)), asked(at), instant(at));
    // What AWS lists may be from before the event, and not hold the agreement for that.
    expect(phaseAt('11-11 09:01')).toBe('registered');
    expect(phaseAt('11-11 09:09')).toBe('registered');
    expect(phaseAt('11-11 09:10')).toBe('inForce');
  });

  it('a kept license: the License event of the renewal takes no time from the agreement before it', () => {
    const kept = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: ['l-1'] } };
    const timeline = timelineFor(
      chainOf(relationOf(kept, [L1, license], NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-11 09:01'),
    );
    expect(payerAt(timeline, instant('11-11 09:01'))).toBe('agmt-1 paid');
  });

  it('what AWS lists as RENEWED from the signing of its renewal on goes on until its end', () => {
    const found = (id: string, status: string, startTime: string, endTime: string | null): AgreementFact =>
      fact(id, '11-11 09:10', 'agreement.found', {
        ...{
          status,
          startTime: iso(startTime),
          endTime: endTime === null ? null : iso(endTime),
          initialDigest: 'agmt-1',
        },
        terms: { trial: null },
      });
    const facts = [
      L1,
      found('agmt-1', 'RENEWED', '10-11 00:00', '12-11 00:00'),
      found('agmt-2', 'ACTIVE', '12-11 00:00', null),
    ];
    const asking = asked('11-11 09:10');
    const host = play(
      world,
      facts,
      'agmt-1',
      ['10-11 00:00', '11-11 09:10', '11-20 00:00', '12-10 23:59', '12-11 00:00'],
      { asking },
    );
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
    const timeline = timelineFor(
      chainOf(relationOf(world, facts, asking, false), 'agmt-1'),
      asking,
      instant('11-20 00:00'),
    );
    expect(['11-20 00:00', '12-11 00:00'].map((at) => payerAt(timeline, instant(at)))).toEqual([
      'agmt-1 paid',
      'agmt-2 paid',
    ]);
  });

  describe('a kept license that is told alone, while AWS lists nothing (a channel partner sells)', () => {
    const kept = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: ['l-1'] } };
    const entitled = fact('agmt-2', '11-11 12:00', 'agreement.found', { status: null, entitled: true });
    const planned = fact('agmt-1', '10-11 00:00', 'agreement.created', {
      ...{ startTime: iso('10-11 00:00'), endTime: iso('12-11 00:00') },
    });
    const askedAt = (at: Date): Asking => ({ askedAt: at, mayNotAsk: false });
    const instants = [
      '10-11 00:00',
      '11-11 09:10',
      '11-12 08:59',
      '11-12 09:00',
      '12-10 23:59',
      '12-11 00:00',
      '12-11 00:10',
    ];
    const heard = (facts: readonly AgreementFact[]): string[] =>
      instants.flatMap((until, index) => {
        const before = play(kept, facts, 'agmt-1', instants.slice(0, index), { asking: askedAt }).heard.length;
        const host = play(kept, facts, 'agmt-1', instants.slice(0, index + 1), { asking: askedAt });
        return host.heard.slice(before).map((told) => `${told} ${until}`);
      });

    it('starts what it renews at the planned end of the agreement before, whatever entitlements say meanwhile', () => {
      expect(heard([planned, license, entitled])).toEqual([
        'activated agmt-1 10-11 00:00',
        'renewed agmt-2 12-11 00:00',
      ]);
      const chain = chainOf(relationOf(kept, [planned, license, entitled], asked('11-20 00:00'), false), 'agmt-1');
      const timeline = timelineFor(chain, asked('11-20 00:00'), instant('12-11 00:00'));
      expect(['11-11 10:00', '12-10 23:59', '12-11 00:00'].map((at) => payerAt(timeline, instant(at)))).toEqual([
        ...['agmt-1 paid', 'agmt-1 paid', 'agmt-2 paid'],
      ]);
    });

    it('is waited for a day where no end is planned', () => {
      expect(heard([L1, license, entitled])).toEqual(['activated agmt-1 10-11 00:00', 'renewed agmt-2 11-12 09:00']);
    });

    it('starts at once where the agreement before was replaced', () => {
      const replaced = fact('agmt-1', '11-11 09:00', 'agreement.ended', { status: 'REPLACED' });
      expect(heard([planned, license, replaced])).toEqual([
        'activated agmt-1 10-11 00:00',
        'renewed agmt-2 11-11 09:10',
      ]);
    });

    it('that comes after a planned end starts when it was told', () => {
      const late = fact('agmt-2', '12-11 00:05', 'license.updated');
      const chain = chainOf(relationOf(kept, [planned, late], asked('12-11 00:20'), false), 'agmt-2');
      expect(chain.find(({ id }) => id === 'agmt-2')?.life.start).toMatchObject({ at: instant('12-11 00:05') });
    });
  });

  it('a new agreement of a new buyer, dated ahead, is upcoming until its start', () => {
    const facts = [license, { ...created('NEW') }];
    const host = play({ 'agmt-2': {} }, facts, 'agmt-2', ['11-11 09:00', '12-10 23:59', '12-11 00:00']);
    expect(host.heard).toEqual(['activated agmt-2']);
    expect(
      stateOf(
        chainOf(relationOf({ 'agmt-2': {} }, facts, NOT_ASKED, false), 'agmt-2'),
        NOT_ASKED,
        instant('11-20 00:00'),
      ).state,
    ).toBe('upcoming');
  });

  it('what ended at the instant at which its successor starts makes the host hear no `ending`, also within the seconds between', () => {
    const ended = fact('agmt-1', '12-11 00:00', 'agreement.ended', { status: 'EXPIRED' });
    const later = fact('agmt-2', '11-11 09:00', 'agreement.created', {
      startTime: iso('12-11 00:00:30'),
      previousDigest: 'agmt-1',
    });
    const host = play(world, [L1, later, ended], 'agmt-1', ['11-12 00:00', '12-11 00:00:10', '12-11 00:00:40']);
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
  });
});

describe('M5, T3: a replacement within an hour (siblings: told at once, told hours later)', () => {
  const end = fact('agmt-1', '11-20 10:37', 'agreement.ended', { status: 'REPLACED' });
  const start = fact(
    'agmt-2',
    '11-20 10:37',
    'agreement.created',
    { startTime: iso('11-20 10:37'), previousDigest: 'agmt-1' },
    { heardAt: '11-20 13:00' },
  );
  const world = { 'agmt-1': {}, 'agmt-2': {} };

  it('each side has its own instants of the hour', () => {
    const timeline = timelineFor(
      chainOf(relationOf(world, [L1, end, start], NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-20 13:00'),
    );
    expect([payerAt(timeline, instant('11-20 10:20')), payerAt(timeline, instant('11-20 10:50'))]).toEqual([
      'agmt-1 paid',
      'agmt-2 paid',
    ]);
    expect(spanAt(timeline, instant('11-20 10:50'))?.startsAt).toEqual(instant('11-20 10:37'));
  });

  it('before the successor is known its time waits for it, the host hears no end, and then `renewed`', () => {
    const known = timelineFor(
      chainOf(relationOf({ 'agmt-1': {} }, [L1, end], NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-20 12:10'),
    );
    expect(payerAt(known, instant('11-20 11:20'))).toBe('none');
    expect(known.spans.at(-1)?.end).toMatchObject({ at: instant('11-20 10:37'), awaitsSuccessor: true });
    const host = play(world, [L1, end, start], 'agmt-1', ['10-11 00:00', '11-20 10:40', '11-20 12:50', '11-20 13:05']);
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
  });
});

describe('M6, M7: a legacy buyer who returned (siblings: SNS alone, EventBridge beside it, signs weeks late)', () => {
  const march = fact(null, '03-02 10:00', 'legacy.subscribeSucceeded');
  const left = [
    fact(null, '05-04 10:00', 'legacy.unsubscribePending'),
    fact(null, '05-04 11:00', 'legacy.unsubscribed'),
  ];
  const june = fact(null, '06-08 10:00', 'legacy.subscribeSucceeded');
  const cancelled = fact('agmt-1', '06-10 12:00', 'agreement.found', {
    ...{ status: 'CANCELLED', startTime: iso('03-02 10:00'), endTime: iso('05-04 10:00') },
  });

  it.each<[string, AgreementFact[]]>([
    ['AWS finds the first agreement cancelled', [cancelled]],
    [
      'its License Deprovisioned comes weeks late',
      [cancelled, fact('agmt-1', '05-04 10:01', 'license.deprovisioned', {}, { heardAt: '06-20 10:00' })],
    ],
    [
      'its License Deprovisioned is dated after the return',
      [cancelled, fact('agmt-1', '06-15 10:00', 'license.deprovisioned')],
    ],
    ['nothing more is heard of it', []],
  ])('C that returned stays active: %s', (_, more) => {
    const world: Record<string, KnownAgreement> = more.length > 0 ? { 'agmt-1': {} } : {};
    const relation = relationOf(world, [march, ...left, june, ...more], asked('06-21 00:00'), true);
    const now = instant('06-21 00:00');
    expect(stateOf(chainOf(relation, june.id), asked('06-21 00:00'), now).state).toBe('active');
    const first = world['agmt-1'] ? 'agmt-1' : march.id;
    expect(stateOf(chainOf(relation, first), asked('06-21 00:00'), now).state).toBe('ended');
    expect(chainOf(relation, first)).not.toBe(chainOf(relation, june.id));
  });

  it('the nameless row of the first is the agreement that AWS names', () => {
    const { assignment } = relationOf({ 'agmt-1': {} }, [march, ...left, june, cancelled], NOT_ASKED, true);
    expect(assignment.wanted).toEqual([june.id]);
    expect(assignment.byAgreement.get('agmt-1')).toContainEqual(march);
  });
});

describe('M8: what is older than the agreement concerns another (siblings: unsubscribe-success, Agreement Ended, an advisory; before any start was heard)', () => {
  const registered = fact(null, '11-05 10:00', 'buyer.registered', {});
  it.each<[string, AgreementFact]>([
    ['unsubscribe-success', fact(null, '10-01 10:00', 'legacy.unsubscribed', {}, { heardAt: '11-04 09:00' })],
    ['an advisory', fact(null, '10-01 10:00', 'advisory.issued', {}, { heardAt: '11-04 09:00' })],
    [
      'Purchase Agreement Ended of another',
      fact('agmt-0', '10-01 10:00', 'agreement.ended', {}, { heardAt: '11-04 09:00' }),
    ],
  ])('%s of October does nothing to who registers in November', (_, old) => {
    const success = fact(null, '11-05 10:10', 'legacy.subscribeSucceeded', {}, { heardAt: '11-06 10:00' });
    const relation = relationOf(
      { ...(old.agreementId === null ? {} : { 'agmt-0': {} }) },
      [old, registered, success],
      NOT_ASKED,
      true,
    );
    expect(relation.assignment.doubts).toEqual([]);
    expect(stateOf(chainOf(relation, success.id), NOT_ASKED, instant('11-06 10:00')).state).toBe('active');
    const timeline = timelineFor(chainOf(relation, success.id), NOT_ASKED, instant('11-06 10:00'), {
      identity: 'legacy',
    });
    expect(payerAt(timeline, instant('11-05 10:05'))).toBe(`${success.id} paid`);
  });

  it('an end from up to four hours before an unknown start is a reason to ask, and ends nothing meanwhile', () => {
    const end = fact(null, '11-05 08:00', 'legacy.unsubscribed');
    const { doubts } = assignFacts([], [end, registered], NOT_ASKED);
    expect(doubts).toEqual([{ factId: end.id, askFrom: end.heardAt, reason: 'noneBegunYet' }]);
    const relation = relationOf({}, [end, registered], NOT_ASKED, true);
    expect(stateOf(chainOf(relation, registered.id), NOT_ASKED, instant('11-05 12:00')).state).toBe('registered');
    expect(assignFacts([], [end, registered], asked('11-05 12:00')).doubts).toEqual([]);
  });
});

describe('M11, M12, T2: ends and renewals of which messages are lost or late (siblings: Created alone, found by asking, nothing at all, no way in)', () => {
  const first = fact('agmt-1', '10-11 00:00', 'agreement.created', {
    startTime: iso('10-11 00:00'),
    endTime: iso('11-11 00:00'),
  });
  const world = { 'agmt-1': {}, 'agmt-2': {} };

  it('Created alone, which names the previous one, starts the renewal in the same subscription', () => {
    const created = fact('agmt-2', '11-11 00:00', 'agreement.created', {
      startTime: iso('11-11 00:00'),
      previousDigest: 'agmt-1',
    });
    const host = play(world, [first, created], 'agmt-1', ['10-11 00:05', '11-11 00:06']);
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
  });

  it('past its announced end it is asked about; meanwhile usage waits, nothing ends, and what AWS knows takes effect at its own instant', () => {
    const before = asked('10-11 00:10');
    const chain = chainOf(relationOf({ 'agmt-1': {} }, [first], before, false), 'agmt-1');
    const now = instant('11-11 00:30');
    expect(stateOf(chain, before, now)).toMatchObject({ state: 'active', askAt: instant('11-11 00:10') });
    const waiting = timelineFor(chain, before, now);
    expect(payerAt(waiting, instant('11-11 00:20'))).toBe('none');
    expect(waiting.spans.at(-1)?.end?.awaitsSuccessor).toBe(true);

    const renewal = fact('agmt-2', '11-11 03:00', 'agreement.found', {
      startTime: iso('11-11 00:00'),
      initialDigest: 'agmt-1',
    });
    const found = chainOf(relationOf(world, [first, renewal], asked('11-11 03:00'), false), 'agmt-1');
    expect(payerAt(timelineFor(found, asked('11-11 03:00'), instant('11-11 03:00')), instant('11-11 00:30'))).toBe(
      'agmt-2 paid',
    );
    expect(stateOf(found, asked('11-11 03:00'), instant('11-11 03:00'))).toMatchObject({
      state: 'active',
      currentAgreementId: 'agmt-2',
    });
  });

  it('an expiry that nobody told is found, and so is one of which AWS, asked, says nothing more', () => {
    const expired = fact('agmt-1', '11-11 02:00', 'agreement.found', {
      status: 'EXPIRED',
      endTime: iso('11-11 00:00'),
    });
    for (const facts of [[first, expired], [first]]) {
      const asking = asked('11-11 02:00');
      const chain = chainOf(relationOf({ 'agmt-1': {} }, facts, asking, false), 'agmt-1');
      expect(stateOf(chain, asking, instant('11-11 03:30'))).toMatchObject({
        state: 'ended',
        endsAt: instant('11-11 00:00'),
      });
      expect(timelineFor(chain, asking, instant('11-11 03:30')).spans.at(-1)).toMatchObject({
        to: instant('11-11 00:00'),
      });
    }
  });

  it('where AWS may not be asked, an announced end that nobody confirms ends nothing', () => {
    const chain = chainOf(relationOf({ 'agmt-1': {} }, [first], MAY_NOT_ASK, false), 'agmt-1');
    expect(stateOf(chain, MAY_NOT_ASK, instant('11-12 00:00')).state).toBe('active');
  });

  it.each<[string, AgreementFact[]]>([
    ['of which nothing is told', []],
    ['that announces a successor', [fact('agmt-1', '11-11 00:00', 'agreement.ended', { status: 'RENEWED' })]],
  ])('the license alone of a renewal comes minutes after the end, %s: nobody hears of that end', (_, ended) => {
    const license = fact('agmt-2', '11-11 00:04', 'license.updated');
    const kept = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: ['l-1'] } };
    const instants = ['10-11 00:10', '11-11 00:05', '11-11 00:10', '11-11 00:14'];
    const asking = (at: Date): Asking => ({ askedAt: at, mayNotAsk: false });
    const host = play(kept, [first, ...ended, license], 'agmt-1', instants, { asking });
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2']);
  });

  it('the end of l-1 was told, its renewal comes three hours late: usage between is the renewal’s', () => {
    const ended = fact('agmt-1', '11-11 00:00', 'agreement.ended', { status: 'EXPIRED' });
    const late = fact(
      'agmt-2',
      '11-11 00:00',
      'agreement.created',
      { startTime: iso('11-11 00:00'), previousDigest: 'agmt-1' },
      { heardAt: '11-11 03:00' },
    );
    const host = play(world, [first, ended, late], 'agmt-1', ['10-11 00:05', '11-11 00:10', '11-11 03:05']);
    expect(host.heard).toEqual(['activated agmt-1', 'ending agmt-1', 'renewed agmt-2']);
    const timeline = timelineFor(
      chainOf(relationOf(world, [first, ended, late], NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-11 03:00'),
    );
    expect(payerAt(timeline, instant('11-11 00:30'))).toBe('agmt-2 paid');
  });

  it('where the host has no way in, who is registered is billed as who is active', () => {
    const chain = chainOf(relationOf({}, [fact(null, '11-05 10:00', 'buyer.registered')], NOT_ASKED, true), '');
    expect(chain).toEqual([]);
    const arrival = fact(null, '11-05 10:00', 'buyer.registered');
    const own = chainOf(relationOf({}, [arrival], NOT_ASKED, true), arrival.id);
    expect(timelineFor(own, NOT_ASKED, instant('11-05 12:00'), { followsLifecycle: false }).spans[0]).toMatchObject({
      seals: 'whenSettled',
      zeroRecords: true,
    });
    expect(timelineFor(own, NOT_ASKED, instant('11-05 12:00')).spans[0]).toMatchObject({
      seals: 'lastMoment',
      zeroRecords: false,
      isProvisional: true,
    });
  });
});

describe('M13, T11: false ends (siblings: raw messages redriven, an end that AWS contradicts, a stale answer)', () => {
  const started = fact(null, '11-01 10:00', 'legacy.subscribeSucceeded');

  it.each(['legacy.unsubscribed', 'legacy.subscribeSucceeded'] as const)(
    'a %s without a time is only a reason to ask',
    (said) => {
      const untimed = fact(null, '11-20 10:00', 'message.untimed', { said });
      const relation = relationOf({}, [started, untimed], NOT_ASKED, true);
      expect(relation.assignment.doubts).toEqual([
        { factId: untimed.id, askFrom: untimed.heardAt, reason: 'untimedMessage' },
      ]);
      expect(stateOf(chainOf(relation, started.id), NOT_ASKED, instant('11-20 11:00')).state).toBe('active');
      expect(assignFacts([], [untimed], NOT_ASKED).wanted).toEqual([]);
    },
  );

  const begun = fact('agmt-1', '11-01 10:00', 'agreement.created', { startTime: iso('11-01 10:00') });
  const falseEnd = fact('agmt-1', '11-20 11:00', 'agreement.ended');
  const answer = (at: string): AgreementFact =>
    fact('agmt-1', at, 'agreement.found', { startTime: iso('11-01 10:00') });

  it('an end that AWS contradicts is void from its own instant: no gap stays', () => {
    const facts = [begun, falseEnd, answer('11-20 12:00')];
    const chain = chainOf(relationOf({ 'agmt-1': {} }, facts, asked('11-20 12:00'), false), 'agmt-1');
    expect(payerAt(timelineFor(chain, asked('11-20 12:00'), instant('11-20 13:00')), instant('11-20 11:30'))).toBe(
      'agmt-1 paid',
    );
    const host = play({ 'agmt-1': {} }, facts, 'agmt-1', ['11-01 10:05', '11-20 11:00', '11-20 12:00']);
    expect(host.heard).toEqual(['activated agmt-1', 'ending agmt-1', 'activated agmt-1']);
  });

  it('an answer from within ten minutes after the end does not void it, and is asked for again', () => {
    const trueEnd = fact('agmt-1', '11-20 12:30', 'agreement.ended');
    const life = lifeOf(
      [begun, falseEnd, answer('11-20 12:00'), trueEnd, answer('11-20 12:30:05')],
      asked('11-20 12:30:05'),
    );
    expect(life.end?.at).toEqual(instant('11-20 12:30'));
    expect(life.doubt).toEqual({ askFrom: instant('11-20 12:40'), reason: 'endToBeAskedAgain' });
  });
});

describe('M14: trial and paid, by the terms (siblings: same license and agreement, same license in a new agreement, a new license, legacy)', () => {
  const trial = (at: string, until: string | null): AgreementFact =>
    fact('agmt-1', at, 'agreement.found', { startTime: iso('11-01 10:00'), terms: { trial: { until } } });
  const paid = (id: string, at: string, startTime = iso('11-01 10:00')): AgreementFact =>
    fact(id, at, 'agreement.found', { startTime, terms: { trial: null } });
  const start = fact('agmt-1', '11-01 10:00', 'agreement.created', { startTime: iso('11-01 10:00') });

  it.each<[string, AgreementFact[], string]>([
    ['the trial of the terms runs out', [trial('11-01 10:05', iso('11-08 10:00'))], '11-08 10:00'],
    [
      'an amendment ends it early',
      [
        trial('11-01 10:05', iso('11-30 10:00')),
        fact('agmt-1', '11-08 14:00', 'agreement.amended'),
        paid('agmt-1', '11-08 15:00'),
      ],
      '11-08 14:00',
    ],
    [
      'only the License event tells of the change',
      [trial('11-01 10:05', null), fact('agmt-1', '11-08 14:00', 'license.updated'), paid('agmt-1', '11-08 15:00')],
      '11-08 14:00',
    ],
  ])('under one agreement: %s; `converted` is heard once', (_, more, at) => {
    const host = play({ 'agmt-1': {} }, [start, ...more], 'agmt-1', [
      '11-01 10:05',
      '11-05 10:00',
      '11-09 10:00',
      '11-10 10:00',
    ]);
    expect(host.heard).toEqual(['activated agmt-1', 'converted agmt-1']);
    const timeline = timelineFor(
      chainOf(relationOf({ 'agmt-1': {} }, [start, ...more], NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-10 10:00'),
    );
    expect(timeline.spans.map(({ price, from, to }) => [price, from, to])).toEqual([
      ['trial', instant('11-01 09:00'), instant(at)],
      ['paid', instant(at), null],
    ]);
    expect(timeline.spans[0]?.end).toBeNull();
  });

  it.each(['l-1', 'l-2'])('in a new agreement under license %s', (license) => {
    const world = { 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: [license] } };
    const next = fact('agmt-2', '11-08 14:00', 'agreement.created', {
      startTime: iso('11-08 14:00'),
      previousDigest: license === 'l-2' ? 'agmt-1' : null,
    });
    const facts = [start, trial('11-01 10:05', null), next, paid('agmt-2', '11-08 14:05', iso('11-08 14:00'))];
    const host = play(world, facts, 'agmt-1', ['11-01 10:05', '11-08 14:00', '11-08 14:05', '11-09 00:00']);
    expect(host.heard).toEqual(['activated agmt-1', 'renewed agmt-2', 'converted agmt-2']);
    const timeline = timelineFor(
      chainOf(relationOf(world, facts, NOT_ASKED, false), 'agmt-1'),
      NOT_ASKED,
      instant('11-09 00:00'),
    );
    expect([payerAt(timeline, instant('11-08 13:59')), payerAt(timeline, instant('11-08 14:00'))]).toEqual([
      'agmt-1 trial',
      'agmt-2 paid',
    ]);
  });

  it('legacy: AWS’s own flag decides, and it is one subscription', () => {
    const facts = [
      fact(null, '11-01 10:00', 'legacy.subscribeSucceeded', { isFreeTrial: true }),
      fact(null, '11-08 14:00', 'legacy.subscribeSucceeded', { isFreeTrial: false }),
    ];
    const host = play({}, facts, facts[0]?.id ?? '', ['11-01 10:00', '11-08 14:00'], { isLegacy: true });
    expect(host.tellings.map(({ type }) => type)).toEqual(['activated', 'renewed', 'converted']);
  });

  it('nothing that is known of the terms: paid', () => {
    expect(lifeOf([start], NOT_ASKED).trial).toBeNull();
    expect(lifeOf([start], NOT_ASKED).doubt).toMatchObject({ reason: 'unknownTerms' });
  });

  const amended = fact('agmt-1', '11-05 14:20', 'agreement.amended', {}, { heardAt: '11-05 14:21' });
  it.each<[string, AgreementFact[], Asking, { from: Date | null; heardAt: Date } | null]>([
    ['nothing was told: all instants', [start], NOT_ASKED, { from: null, heardAt: start.heardAt }],
    ['told: none', [start, trial('11-01 10:05', null)], asked('11-01 10:05'), null],
    [
      'told, and amended since: from the amendment on',
      [start, trial('11-01 10:05', null), amended],
      asked('11-01 10:05'),
      { from: amended.at, heardAt: amended.heardAt },
    ],
    [
      'amended, and asked when AWS must know of it: none',
      [start, trial('11-01 10:05', null), amended],
      asked('11-05 14:30'),
      null,
    ],
    ['asked, and AWS did not say: none, it is paid', [start], asked('11-01 10:10'), null],
    [
      'asked in vain, and amended since: from the amendment on',
      [start, amended],
      asked('11-01 10:10'),
      { from: amended.at, heardAt: amended.heardAt },
    ],
    ['AWS may not be asked: none', [start, amended], MAY_NOT_ASK, null],
  ])('what AWS may still price otherwise: %s', (_, facts, asking, open) => {
    expect(lifeOf(facts, asking).openTerms).toEqual(open);
  });

  it('is told when the terms are, or when AWS has let five minutes pass', () => {
    const told = (facts: AgreementFact[], instants: string[], asking: (at: Date) => Asking): string[] =>
      play({ 'agmt-1': {} }, facts, 'agmt-1', instants, { asking }).tellings.map((telling) =>
        telling.type === 'activated' ? `activated, trial: ${telling.isTrial}` : telling.type,
      );
    const answered = trial('11-01 10:02', null);
    const answer = (at: Date): Asking => (at < answered.at ? NOT_ASKED : { askedAt: answered.at, mayNotAsk: false });
    expect(told([start, answered], ['11-01 10:00', '11-01 10:01'], answer)).toEqual([]);
    expect(told([start, answered], ['11-01 10:00', '11-01 10:02'], answer)).toEqual(['activated, trial: true']);
    expect(told([start], ['11-01 10:00', '11-01 10:04'], () => NOT_ASKED)).toEqual([]);
    expect(told([start], ['11-01 10:00', '11-01 10:05'], () => NOT_ASKED)).toEqual(['activated, trial: false']);
    expect(told([start], ['11-01 10:00'], () => MAY_NOT_ASK)).toEqual(['activated, trial: false']);
  });
});

describe('M25: the host’s own end (siblings: License Updated, an answer of AWS; until an agreement starts after it)', () => {
  const start = fact('agmt-1', '11-01 10:00', 'agreement.created', { startTime: iso('11-01 10:00') });
  const end = fact(null, '11-20 10:00', 'host.ended', { endsAt: iso('11-20 12:00') }, { among: ['agmt-1', 'agmt-2'] });
  const after = [
    fact('agmt-1', '11-20 13:00', 'license.updated'),
    fact('agmt-1', '11-21 13:00', 'agreement.found', { startTime: iso('11-01 10:00') }),
  ];

  it('stands against all that AWS says of that agreement', () => {
    const chain = chainOf(relationOf({ 'agmt-1': {} }, [start, end, ...after], asked('11-21 13:00'), false), 'agmt-1');
    expect(stateOf(chain, asked('11-21 13:00'), instant('11-22 10:00'))).toMatchObject({
      state: 'ended',
      endsAt: instant('11-20 12:00'),
    });
    expect(stateOf(chain, NOT_ASKED, instant('11-20 11:59')).state).toBe('active');
  });

  it('a later agreement starts a new run: who heard `ended` hears `activated`', () => {
    const next = fact('agmt-2', '11-23 10:00', 'agreement.created', {
      startTime: iso('11-23 10:00'),
      previousDigest: 'agmt-1',
    });
    const host = play({ 'agmt-1': {}, 'agmt-2': {} }, [start, end, ...after, next], 'agmt-1', [
      '11-01 10:05',
      '11-20 12:00',
      '11-21 13:00',
      '11-23 10:05',
    ]);
    expect(host.heard).toEqual(['activated agmt-1', 'ending agmt-1', 'ended agmt-1', 'activated agmt-2']);
  });
});

describe('T14, T20: where the identity goes on, its hours keep their own deadlines (siblings: legacy, a kept license; a new license does not)', () => {
  const world = (license: string) => ({ 'agmt-1': { licenses: ['l-1'] }, 'agmt-2': { licenses: [license] } });
  const facts = [
    L1,
    fact('agmt-1', '12-01 00:00', 'agreement.ended', { status: 'RENEWED' }),
    fact('agmt-2', '12-01 00:00', 'agreement.created', { startTime: iso('12-01 00:00'), previousDigest: 'agmt-1' }),
  ];
  it.each([
    ['legacy', 'l-1', true],
    ['license', 'l-2', false],
  ] as const)('%s, %s: %s', (identity, license, goesOn) => {
    const chain = chainOf(relationOf(world(license), facts, NOT_ASKED, identity === 'legacy'), 'agmt-1');
    const { spans } = timelineFor(chain, NOT_ASKED, instant('12-01 02:00'), { identity });
    expect(spans[0]?.end).toMatchObject({ at: instant('12-01 00:00'), identityGoesOn: goesOn, awaitsSuccessor: false });
    expect(spans[1]).toMatchObject({ agreementId: 'agmt-2', from: instant('12-01 00:00'), to: null, end: null });
  });
});

describe('T15: side by side without a link (siblings: known by asking, nameless ends that could mean either)', () => {
  const open = fact('agmt-1', '11-06 00:00', 'agreement.found', { startTime: iso('05-01 10:00') });
  const short = fact('agmt-2', '11-06 00:00', 'agreement.found', {
    status: 'EXPIRED',
    startTime: iso('11-01 10:00'),
    endTime: iso('11-05 10:00'),
  });
  const world = { 'agmt-1': {}, 'agmt-2': {} };

  it('what runs on after the other is over has the instants again', () => {
    const chain = chainOf(relationOf(world, [open, short], asked('11-06 00:00'), true), 'agmt-1');
    const timeline = timelineFor(chain, asked('11-06 00:00'), instant('11-06 12:00'), { identity: 'legacy' });
    expect(['10-31 10:00', '11-03 10:00', '11-06 10:00'].map((at) => payerAt(timeline, instant(at)))).toEqual([
      'agmt-1 paid',
      'agmt-2 paid',
      'agmt-1 paid',
    ]);
    expect(timeline.spans.map(({ end }) => end !== null)).toEqual([false, true, false]);
  });

  it('a nameless end that could mean two ends none; AWS’s answer tells which', () => {
    const starts = [
      fact('agmt-1', '05-01 10:00', 'agreement.created', { startTime: iso('05-01 10:00') }),
      fact(null, '11-01 10:00', 'legacy.subscribeSucceeded'),
    ];
    const end = fact(null, '11-05 10:00', 'legacy.unsubscribed');
    const before = relationOf({ 'agmt-1': {} }, [...starts, end], NOT_ASKED, true);
    expect(before.assignment.doubts).toMatchObject([{ factId: end.id, reason: 'severalAgreements' }]);
    expect([...before.chains.values()].flat().every(({ life }) => life.end === null)).toBe(true);

    const after = relationOf(world, [...starts, end, open, short], asked('11-06 00:00'), true);
    expect(after.assignment.byAgreement.get('agmt-2')).toContainEqual(end);
    expect(stateOf(chainOf(after, 'agmt-1'), asked('11-06 00:00'), instant('11-06 12:00'))).toMatchObject({
      state: 'active',
      currentAgreementId: 'agmt-1',
    });
  });

  it('a start that AWS, asked since, does not know as an agreement of its own was one that runs, told anew', () => {
    const again = fact(null, '11-01 10:00', 'legacy.subscribeSucceeded', { isFreeTrial: false });
    const relation = relationOf({ 'agmt-1': {} }, [open, again], asked('11-06 00:00'), true);
    expect(relation.assignment.wanted).toEqual([]);
    expect(relation.assignment.byAgreement.get('agmt-1')).toContainEqual(again);
  });
});
