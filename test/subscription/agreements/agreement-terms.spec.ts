/** Trial or paid, and from when to when: usage of a trial is never priced as paid time, nor the other way round. */
import { describe, expect, it } from '@jest/globals';
import { type AgreementFact, type AgreementTerms } from '../../../src/subscription/agreements/agreement-fact.js';
import { type Asking, type OpenTerms } from '../../../src/subscription/agreements/agreement-life.js';
import { lifeOf } from '../../../src/subscription/agreements/agreement-state.js';
import { asked, fact, instant, iso, MAY_NOT_ASK, NOT_ASKED } from './facts.js';

const START = '11-05 10:00';
const STARTED = fact('a', START, 'agreement.created', { startTime: iso(START) });
const found = (at: string, terms: AgreementTerms | null, lastUpdateTime: string | null = null) =>
  fact('a', at, 'agreement.found', { startTime: iso(START), terms, lastUpdateTime });
const trialUntil = (at: string, until: string | null, changed?: string) =>
  found(at, { trial: { until: until === null ? null : iso(until) } }, changed === undefined ? null : iso(changed));
const paid = (at: string, changed?: string) => found(at, { trial: null }, changed === undefined ? null : iso(changed));
const amended = (at: string, heardAt = at) => fact('a', at, 'agreement.amended', {}, { heardAt });

describe('a trial', () => {
  const trial = (facts: readonly AgreementFact[]): string | null | undefined => {
    const read = lifeOf(facts, NOT_ASKED).trial;
    return read === null ? undefined : (read.until?.toISOString() ?? null);
  };
  const legacy = (isFreeTrial: boolean | null, at = START) =>
    fact('a', at, 'legacy.subscribeSucceeded', { isFreeTrial });

  it.each<[string, AgreementFact[], string | null | undefined]>([
    ['is none where AWS has not told the terms', [STARTED], undefined],
    ['is none where the terms have none', [STARTED, paid('11-06 00:00')], undefined],
    ['lasts until its term ends', [STARTED, trialUntil('11-06 00:00', '11-18 14:20')], iso('11-18 14:20')],
    ['lasts as long as the agreement, where it is the only term', [STARTED, trialUntil('11-06 00:00', null)], null],
    ['is what AWS’s flag says of a legacy start', [legacy(true)], null],
    ['is none where that flag says so', [legacy(false)], undefined],
    ['is not denied by a start without a flag', [legacy(true), legacy(null, '11-06 10:00')], null],
    [
      'keeps the end that AWS has told when the flag comes later, which tells none',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20'), legacy(true, '11-05 10:01')],
      iso('11-18 14:20'),
    ],
    [
      'of a flag from after that end has none yet',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20'), legacy(true, '11-18 14:20')],
      null,
    ],
    [
      'of a flag after it was paid has none yet',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20'), paid('11-06 10:00'), legacy(true, '11-07 10:00')],
      null,
    ],
    [
      'has none where AWS says so itself',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20'), trialUntil('11-06 10:00', null)],
      null,
    ],
    [
      'is none where the flag denies it',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20'), legacy(false, '11-06 10:00')],
      iso('11-06 10:00'),
    ],
    [
      'was over when AWS tells other terms after its end',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), amended('11-15 00:00'), paid('11-20 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'or at its very end',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), amended('11-15 00:00'), paid('11-18 14:20')],
      iso('11-18 14:20'),
    ],
    [
      'was converted before its end where the agreement has not changed since',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), paid('11-20 00:00', '11-15 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'was over where the agreement has changed after its end',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), paid('11-20 00:00', '11-19 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'or at that instant',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), paid('11-20 00:00', '11-18 14:20')],
      iso('11-18 14:20'),
    ],
    [
      'or not since AWS told of the trial',
      [STARTED, trialUntil('11-06 00:00', '11-18 14:20'), paid('11-20 00:00', '11-06 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'was converted when the agreement changed last, minutes before an answer that did not know of it',
      [STARTED, trialUntil('11-15 00:05', '11-18 14:20', START), paid('11-16 00:05', '11-15 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'also where AWS is asked after its end',
      [STARTED, trialUntil('11-15 00:05', '11-18 14:20', START), paid('11-20 00:00', '11-15 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'as a later answer dates it, where lists did not know of it when the terms told',
      [
        ...[STARTED, trialUntil('11-06 00:00', '11-18 14:20', START), paid('11-15 00:05', START)],
        paid('11-15 00:15', '11-15 00:00'),
      ],
      iso('11-15 00:00'),
    ],
    [
      'but not as one dates a change of after that',
      [
        ...[STARTED, trialUntil('11-06 00:00', '11-18 14:20', START), paid('11-15 00:05', START)],
        paid('11-16 00:00', '11-15 12:00'),
      ],
      iso('11-15 00:05'),
    ],
    [
      'also where it happened while AWS was asked',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00', START)],
        fact(
          'a',
          '11-14 23:59',
          'agreement.found',
          { startTime: iso(START), terms: { trial: null }, lastUpdateTime: iso('11-15 00:01') },
          { heardAt: '11-15 00:02' },
        ),
      ],
      iso('11-15 00:01'),
    ],
    [
      'not with a change of which that answer told',
      [STARTED, trialUntil('11-15 00:05', '11-18 14:20', '11-15 00:00'), paid('11-20 00:00', '11-15 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'nor with one of ten minutes before, which it must have known',
      [STARTED, trialUntil('11-15 00:10', '11-18 14:20', START), paid('11-20 00:00', '11-15 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'nor with one of which an answer before that one had told',
      [
        ...[STARTED, trialUntil('11-15 00:02', '11-18 14:20', '11-15 00:00')],
        ...[trialUntil('11-15 00:05', '11-18 14:20', START), paid('11-20 00:00', '11-15 00:00')],
      ],
      iso('11-18 14:20'),
    ],
    [
      'nor with the start, where AWS’s flag tells of a second before it',
      [
        ...[STARTED, trialUntil('11-05 09:59:59', '11-18 14:20', '11-05 10:00:01'), legacy(true)],
        paid('11-20 00:00', '11-05 10:00:01'),
      ],
      iso('11-18 14:20'),
    ],
    [
      'but with one of a minute after it',
      [STARTED, trialUntil('11-05 10:00:30', '11-18 14:20', START), paid('11-20 00:00', '11-05 10:01:01')],
      iso('11-05 10:01:01'),
    ],
    [
      'nor with one of minutes before, where that answer did not tell what it knew of',
      [STARTED, trialUntil('11-15 00:05', '11-18 14:20'), paid('11-20 00:00', '11-15 00:00')],
      iso('11-18 14:20'),
    ],
    [
      'but with that one, if the next answer, soon, says paid: the terms were older than the list',
      [STARTED, trialUntil('11-15 00:01', '11-18 14:20', '11-15 00:00'), paid('11-15 00:11', '11-15 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'also when they were as old as can be',
      [STARTED, trialUntil('11-15 00:09:59', '11-18 14:20', '11-15 00:00'), paid('11-15 01:00', '11-15 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'and not if only one much later does',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00'), paid('11-15 01:00:01', '11-15 00:00')],
      iso('11-15 01:00:01'),
    ],
    [
      'and with a later change, of which lists know only then',
      [
        ...[STARTED, trialUntil('11-15 00:01', '11-18 14:20', '11-15 00:00'), paid('11-15 00:11', '11-15 00:00')],
        paid('11-15 00:21', '11-15 00:05'),
      ],
      iso('11-15 00:05'),
    ],
    [
      'was converted early by the last message between the two answers that may tell of it',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-15 00:00')],
        ...[fact('a', '11-16 00:00', 'license.updated'), fact('a', '11-17 00:00', 'agreement.notice')],
        ...[paid('11-20 00:00'), amended('11-25 00:00')],
      ],
      iso('11-16 00:00'),
    ],
    [
      'by a message of the very instant of the answer as well',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-15 00:00')],
        ...[fact('a', '11-20 00:00', 'license.updated'), paid('11-20 00:00')],
      ],
      iso('11-20 00:00'),
    ],
    [
      'not by one that was heard of when it was a trial',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-06 00:00'), paid('11-20 00:00')],
      iso('11-20 00:00'),
    ],
    [
      'by a message of that second or just before it that was heard afterwards: the answer was from before',
      [
        ...[STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:00:01', '11-06 00:11')],
        paid('11-06 01:00'),
      ],
      iso('11-06 00:00:01'),
    ],
    [
      'by one that was heard before it, where AWS says otherwise when it is asked again',
      [STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:09'), paid('11-06 01:09')],
      iso('11-06 00:09'),
    ],
    [
      'not where it says so only much later',
      [STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:09'), paid('11-06 01:09:01')],
      iso('11-06 01:09:01'),
    ],
    [
      'by one of so long ago, if it was heard after the answer',
      [
        ...[STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:09', '11-06 00:10:01')],
        paid('11-07 00:00'),
      ],
      iso('11-06 00:09'),
    ],
    [
      'not by what was told with the start',
      [
        ...[STARTED, trialUntil('11-05 10:00:30', '12-01 00:00')],
        ...[fact('a', '11-05 10:01', 'license.updated', {}, { heardAt: '11-05 10:02' }), paid('11-05 10:30')],
      ],
      iso('11-05 10:30'),
    ],
    [
      'but by what came a minute after it',
      [
        ...[STARTED, trialUntil('11-05 10:00:30', '12-01 00:00')],
        ...[fact('a', '11-05 10:01:01', 'license.updated', {}, { heardAt: '11-05 10:02' }), paid('11-05 10:30')],
      ],
      iso('11-05 10:01:01'),
    ],
    [
      'by a message of ten seconds after the answer that knows of it: our clock is behind',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-20 00:00:10'), paid('11-20 00:00')],
      iso('11-20 00:00:10'),
    ],
    [
      'not by one from later on',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-20 00:00:11'), paid('11-20 00:00')],
      iso('11-20 00:00'),
    ],
    [
      'by one that came while AWS was asked',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-20 00:05')],
        fact(
          'a',
          '11-20 00:00',
          'agreement.found',
          { startTime: iso(START), terms: { trial: null } },
          { heardAt: '11-20 00:05' },
        ),
      ],
      iso('11-20 00:05'),
    ],
    [
      'was over at its end, not at an amendment of days before, where our clock was ten seconds behind',
      [STARTED, trialUntil('11-06 00:00', '11-20 00:00:10'), amended('11-15 00:00'), paid('11-20 00:00')],
      iso('11-20 00:00:10'),
    ],
    [
      'not where it was to last longer than that',
      [STARTED, trialUntil('11-06 00:00', '11-20 00:00:11'), amended('11-15 00:00'), paid('11-20 00:00')],
      iso('11-15 00:00'),
    ],
    [
      'is not taken up again by an answer from before the one that says paid, however little later it comes',
      [
        STARTED,
        trialUntil('11-06 00:00', '12-01 00:00'),
        paid('11-20 00:00'),
        trialUntil('11-20 00:09:59', '12-01 00:00'),
      ],
      iso('11-20 00:00'),
    ],
    [
      'is known by such an answer, where it was told of no earlier',
      [STARTED, amended('11-19 23:55'), paid('11-20 00:00'), trialUntil('11-20 00:09:59', '12-01 00:00')],
      iso('11-19 23:55'),
    ],
    [
      'is taken up again by a later one',
      [STARTED, paid('11-20 00:00'), trialUntil('11-20 00:10', '12-01 00:00')],
      iso('12-01 00:00'),
    ],
    [
      'is what two such answers say together',
      [trialUntil('11-20 00:00', '12-01 00:00'), STARTED, trialUntil('11-20 00:05', '12-02 00:00')],
      iso('12-02 00:00'),
    ],
    [
      'is what AWS’s flag says, if it comes soon after an answer that says paid',
      [paid(START), legacy(true, '11-05 10:05')],
      null,
    ],
    [
      'not by one from long before that answer',
      [STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:00', '11-06 00:11'), paid('11-20 00:00')],
      iso('11-20 00:00'),
    ],
    [
      'by the last of them, where one more came afterwards',
      [
        ...[STARTED, trialUntil('11-06 00:10', '12-01 00:00'), amended('11-06 00:09', '11-06 00:11')],
        ...[amended('11-15 00:00'), paid('11-20 00:00')],
      ],
      iso('11-15 00:00'),
    ],
    [
      'where no message tells of it, when AWS says that the agreement has changed last',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), paid('11-20 00:00', '11-19 08:00')],
      iso('11-19 08:00'),
    ],
    [
      'by a message of which the list does not know yet',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00'), amended('11-15 00:00'), amended('11-19 09:00')],
        paid('11-20 00:00', '11-19 08:00'),
      ],
      iso('11-19 09:00'),
    ],
    [
      'not when it had changed last before AWS said that it is a trial, nor after the answer',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), paid('11-20 00:00', '11-06 00:00')],
      iso('11-20 00:00'),
    ],
    [
      'nor by a clock ahead of ours',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), paid('11-20 00:00', '11-20 00:01')],
      iso('11-20 00:00'),
    ],
    [
      'but by one ten seconds ahead',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), paid('11-20 00:00', '11-20 00:00:10')],
      iso('11-20 00:00:10'),
    ],
    ['by a message after AWS’s flag', [legacy(true), amended('11-15 00:00'), paid('11-20 00:00')], iso('11-15 00:00')],
    [
      'by a message, also of an agreement whose start is not known',
      [
        fact('a', '11-06 00:00', 'agreement.found', { terms: { trial: { until: iso('12-01 00:00') } } }),
        ...[amended('11-15 00:00'), fact('a', '11-20 00:00', 'agreement.found', { terms: { trial: null } })],
      ],
      iso('11-15 00:00'),
    ],
    [
      'by a legacy start without a flag',
      [trialUntil('11-06 00:00', null), legacy(null, '11-15 00:00'), paid('11-20 00:00')],
      iso('11-15 00:00'),
    ],
    ['is none of an agreement that starts after it', [STARTED, trialUntil('11-06 00:00', '11-05 09:00')], undefined],
    ['or as it ends', [STARTED, trialUntil('11-06 00:00', START)], undefined],
    [
      'of an agreement whose start is not known is a trial all the same',
      [
        fact('a', '11-06 00:00', 'agreement.found', {
          ...{ status: 'CANCELLED', terms: { trial: { until: iso('11-18 14:20') } } },
        }),
      ],
      iso('11-18 14:20'),
    ],
  ])('%s', (_, facts, expected) => {
    expect(trial(facts)).toBe(expected);
  });
});

describe('terms that may have changed since AWS told them', () => {
  const open = (facts: readonly AgreementFact[], asking: Asking = NOT_ASKED): OpenTerms | null =>
    lifeOf(facts, asking).openTerms;
  const since = (from: string | null, heardAt: string): OpenTerms => ({
    ...{ from: from === null ? null : instant(from), heardAt: instant(heardAt) },
  });

  it.each<[string, AgreementFact[], Asking, OpenTerms | null]>([
    ['are open from the beginning, where nothing was ever told', [STARTED], NOT_ASKED, since(null, START)],
    ['until AWS was asked when it must know of it, whatever it answered', [STARTED], asked('11-05 10:10'), null],
    [
      'and not before: its lists may be as late as that, so its hours wait, though nobody waits to be told',
      [STARTED],
      asked('11-05 10:09:59'),
      { from: new Date(0), heardAt: instant(START) },
    ],
    ['unless it spoke of the agreement, and told no terms', [STARTED, found(START, null)], asked(START), null],
    [
      'which it did before the message was heard',
      [STARTED, found('11-05 09:59:59', null)],
      asked(START),
      { from: new Date(0), heardAt: instant(START) },
    ],
    [
      'are told by its answer where it has told terms before',
      [STARTED, paid('11-05 10:00'), found('11-15 00:00', null), amended('11-15 00:00:01', '11-15 00:00:01')],
      asked('11-15 00:10:01'),
      null,
    ],
    [
      'are open where the answer still says trial, until it must know of the change',
      [STARTED, trialUntil('11-15 00:09', '12-01 00:00'), amended('11-15 00:00')],
      asked('11-15 00:09'),
      since('11-15 00:00', '11-15 00:00'),
    ],
    [
      'and no longer',
      [STARTED, trialUntil('11-15 00:09', '12-01 00:00'), amended('11-15 00:00')],
      asked('11-15 00:10'),
      null,
    ],
    [
      'not where it says paid: that stays so',
      [STARTED, paid('11-15 00:00'), amended('11-15 00:00')],
      asked('11-15 00:00'),
      null,
    ],
    [
      'not of a trial by what was told with its start',
      [STARTED, trialUntil('11-05 10:00:30', '12-01 00:00'), fact('a', '11-05 10:00:20', 'license.updated')],
      asked('11-05 10:00:30'),
      null,
    ],
    [
      'but by what came a minute after it',
      [STARTED, trialUntil('11-05 10:02', '12-01 00:00'), fact('a', '11-05 10:01:01', 'license.updated')],
      asked('11-05 10:02'),
      since('11-05 10:01:01', '11-05 10:01:01'),
    ],
    [
      'are open from ten minutes before an answer on that tells of a conversion which its lists do not date',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00', START), paid('11-15 00:09', START)],
      asked('11-15 00:09'),
      since('11-14 23:59', '11-15 00:09'),
    ],
    [
      'until its lists must know',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00', START), paid('11-15 00:09', START)],
      asked('11-15 00:19'),
      null,
    ],
    [
      'not where they date it',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00', START), paid('11-15 00:09', '11-15 00:08')],
      asked('11-15 00:09'),
      null,
    ],
    [
      'nor where a message does',
      [
        ...[STARTED, trialUntil('11-06 00:00', '12-01 00:00', START), amended('11-15 00:08:30')],
        paid('11-15 00:09', START),
      ],
      asked('11-15 00:09'),
      null,
    ],
    [
      'nor where AWS tells of no change at all',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00'), paid('11-15 00:09')],
      asked('11-15 00:09'),
      null,
    ],
    [
      'nor of a trial whose term is over',
      [STARTED, trialUntil('11-06 00:00', '11-15 00:08', START), paid('11-15 00:09', START)],
      asked('11-15 00:09'),
      null,
    ],
    [
      'are open from a change on of which the list told minutes later, and the terms may not have known',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00')],
      asked('11-15 00:09:59'),
      since('11-15 00:00', '11-15 00:01'),
    ],
    [
      'also where a later answer is from a list that was older again',
      [
        ...[STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00')],
        trialUntil('11-15 00:05', '12-01 00:00', START),
      ],
      asked('11-15 00:05'),
      since('11-15 00:00', '11-15 00:01'),
    ],
    [
      'and where one says paid, beside a list that has not caught up',
      [
        ...[STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00')],
        ...[trialUntil('11-15 00:05', '12-01 00:00', START), paid('11-15 00:12', '11-15 00:00')],
      ],
      asked('11-15 00:12'),
      since('11-15 00:00', '11-15 00:12'),
    ],
    [
      'and no longer than until AWS was asked when they must',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00')],
      asked('11-15 00:10'),
      null,
    ],
    [
      'not where they must have known of it at once',
      [STARTED, trialUntil('11-15 00:10', '12-01 00:00', '11-15 00:00')],
      asked('11-15 00:10'),
      null,
    ],
    ['nor where they say paid', [STARTED, paid('11-15 00:01', '11-15 00:00')], asked('11-15 00:01'), null],
    [
      'nor where the change is the start',
      [STARTED, trialUntil('11-05 10:00:30', '12-01 00:00', '11-05 10:00:20')],
      asked('11-05 10:00:30'),
      null,
    ],
    [
      'but by one as far ahead of the answer as clocks may differ',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:01:10')],
      asked('11-15 00:01'),
      since('11-15 00:01:10', '11-15 00:01'),
    ],
    [
      'from the first of such a change and of what was heard since',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-14 23:58'), amended('11-15 00:02')],
      asked('11-15 00:01'),
      since('11-14 23:58', '11-15 00:01'),
    ],
    [
      'not by one that lies further ahead',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:01:11')],
      asked('11-15 00:01'),
      null,
    ],
    [
      'are open where a conversion is dated by a message alone after which AWS still said trial',
      [STARTED, trialUntil('11-15 00:00', '12-01 00:00'), amended('11-15 00:00'), paid('11-15 00:09')],
      asked('11-15 00:09'),
      since('11-14 23:59', '11-15 00:09'),
    ],
    [
      'not of a trial whose term is over by a clock that may be ten seconds ahead',
      [STARTED, trialUntil('11-06 00:00', '11-15 00:09:10', START), paid('11-15 00:09', START)],
      asked('11-15 00:09'),
      null,
    ],
    [
      'are open from the beginning where one of two changes was heard after the answer',
      [STARTED, amended('11-05 10:07')],
      asked('11-05 10:05'),
      since(null, START),
    ],
    [
      'are open from such a change on where they say paid by then: its list may be as old',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00'), paid('11-15 00:12', '11-15 00:00')],
      asked('11-15 00:12'),
      since('11-15 00:00', '11-15 00:12'),
    ],
    [
      'and no longer than its list may be that',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00'), paid('11-15 00:12', '11-15 00:00')],
      asked('11-15 00:22'),
      null,
    ],
    ['are open after a message that was heard since', [STARTED], asked('11-05 09:59'), since(null, START)],
    ['are never open where AWS may not be asked', [STARTED], MAY_NOT_ASK, null],
    [
      'are open from the first change after the answer on',
      [STARTED, paid('11-06 00:00'), amended('11-15 00:00'), amended('11-16 00:00')],
      NOT_ASKED,
      since('11-15 00:00', '11-15 00:00'),
    ],
    ['not by a change that was heard by then', [STARTED, paid('11-06 00:00'), amended('11-06 00:00')], NOT_ASKED, null],
    [
      'by one of that second, or from just before it, that was heard after the question',
      [STARTED, paid('11-06 00:10'), amended('11-06 00:00:01', '11-06 00:11')],
      NOT_ASKED,
      since('11-06 00:00:01', '11-06 00:11'),
    ],
    [
      'not by one from long before it',
      [STARTED, paid('11-06 00:10'), amended('11-06 00:00', '11-06 00:11')],
      NOT_ASKED,
      null,
    ],
    [
      'not by one of the instant of a message that tells the price itself',
      [
        fact('a', START, 'legacy.subscribeSucceeded', { isFreeTrial: true }),
        fact('a', START, 'agreement.created', { startTime: iso(START) }, { heardAt: '11-05 10:01' }),
      ],
      NOT_ASKED,
      null,
    ],
    [
      'not by a message that tells of no terms',
      [STARTED, paid('11-06 00:00'), fact('a', '11-15 00:00', 'agreement.notice')],
      NOT_ASKED,
      null,
    ],
    [
      'by a legacy start without a flag',
      [paid('11-06 00:00'), fact('a', '11-15 00:00', 'legacy.subscribeSucceeded')],
      NOT_ASKED,
      since('11-15 00:00', '11-15 00:00'),
    ],
    [
      'from the change on that no answer has settled',
      [STARTED, amended('11-15 00:00')],
      asked('11-06 00:00'),
      since('11-15 00:00', '11-15 00:00'),
    ],
  ])('%s', (_, facts, asking, expected) => {
    expect(open(facts, asking)).toEqual(expected);
  });

  it.each<[string, AgreementFact[], string, string]>([
    [
      'a change that the list told beside terms that may be older',
      [STARTED, trialUntil('11-15 00:01', '12-01 00:00', '11-15 00:00')],
      '11-15 00:01',
      '11-15 00:10',
    ],
    [
      'a conversion that lists do not date yet',
      [STARTED, trialUntil('11-06 00:00', '12-01 00:00', START), paid('11-15 00:09', START)],
      '11-15 00:09',
      '11-15 00:19',
    ],
  ])('are asked for once more after %s', (_, facts, at, askFrom) => {
    expect(lifeOf(facts, asked(at)).doubt).toEqual({ askFrom: instant(askFrom), reason: 'unknownTerms' });
  });
});
