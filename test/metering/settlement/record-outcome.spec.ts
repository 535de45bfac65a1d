import { describe, expect, it } from '@jest/globals';
import { type RecordAnswer } from '../../../src/metering/settlement/evidence.js';
import {
  CAUSE_SCOPE,
  outcomeOf,
  type RecordFacts,
  type RecordState,
} from '../../../src/metering/settlement/record-outcome.js';
import { facts, failure, NOW, status, verdict } from './given-answer.js';

const since = (instant: string) => ({ inForceSince: new Date(instant), isInFinalHour: false });
const outcome = (
  answer: RecordAnswer,
  over: Partial<RecordFacts> = {},
  identicalResend: 'unknown' | 'success' = 'unknown',
) => outcomeOf(answer, facts(over), { now: NOW, identicalResend, duplicateConfirms: true });

describe('what an answer does to a record', () => {
  it.each<[string, RecordAnswer, Partial<RecordFacts>, object]>([
    ['Success', status('Success'), {}, { to: 'metered', confirmedByDuplicate: false, meteringRecordId: 'm-1' }],
    [
      'a confirming duplicate',
      status('DuplicateRecord'),
      { earlier: ['uncertain'] },
      { to: 'metered', confirmedByDuplicate: true },
    ],
    ['a conflict', status('DuplicateRecord'), {}, { to: 'blocked', reason: 'conflict' }],
    [
      'a Success with the id of another record',
      status('Success'),
      { isAnothersId: true },
      { to: 'blocked', reason: 'conflict' },
    ],
    [
      'not subscribed, young and never metered under its identity (D31, T7)',
      status('CustomerNotSubscribed'),
      { identityMeteredBefore: false, agreement: since('2026-11-10T10:00:01Z') },
      { to: 'pending', reason: 'notSubscribedYet', pace: 'backoff' },
    ],
    [
      'not subscribed, in force for 24 h',
      status('CustomerNotSubscribed'),
      { identityMeteredBefore: false, agreement: since('2026-11-10T10:00:00Z') },
      { to: 'blocked', reason: 'notSubscribed' },
    ],
    [
      'not subscribed, never known to have begun',
      status('CustomerNotSubscribed'),
      { identityMeteredBefore: false, agreement: { inForceSince: null, isInFinalHour: false } },
      { to: 'blocked', reason: 'notSubscribed' },
    ],
    [
      'not subscribed, young but metered before',
      status('CustomerNotSubscribed'),
      { agreement: since(NOW.toISOString()) },
      { to: 'blocked', reason: 'notSubscribed' },
    ],
    [
      'not subscribed, in the hour after the end',
      status('CustomerNotSubscribed'),
      { agreement: { ...since('2026-10-01T00:00:00Z'), isInFinalHour: true }, consecutiveFailures: 7 },
      { to: 'pending', reason: 'finalHour', pace: 'backoff', consecutiveFailures: 8, group: 'clear' },
    ],
    ['a status nobody knows', status('Deferred'), { batchSize: 25 }, { to: 'blocked', reason: 'unrecognised' }],
    [
      'unprocessed',
      { kind: 'unprocessed' },
      { consecutiveFailures: 4 },
      { to: 'pending', pace: 'backoff', consecutiveFailures: 5 },
    ],
    ['missing', { kind: 'missing' }, {}, { to: 'pending', pace: 'backoff' }],
    [
      'throttled (D13)',
      failure('throttled', 'none'),
      { consecutiveFailures: 2 },
      { to: 'pending', pace: 'throttled', consecutiveFailures: 2, group: 'keep' },
    ],
    [
      'a set-up error (D18)',
      failure('setUp', 'none'),
      { batchSize: 25 },
      { to: 'pending', pace: 'slow', group: 'keep' },
    ],
    [
      'a culprit among others',
      failure('culprit', 'none', 'invalidTag'),
      { batchSize: 2 },
      { to: 'pending', pace: 'now', group: 'split' },
    ],
    ['the culprit', failure('culprit', 'none', 'invalidTag'), {}, { to: 'blocked', reason: 'invalidTag' }],
    [
      'an unknown error of many',
      failure('unrecognised', 'possible'),
      { batchSize: 2 },
      { to: 'pending', pace: 'now', group: 'split' },
    ],
    ['an unknown error of one', failure('unrecognised', 'possible'), {}, { to: 'blocked', reason: 'unrecognised' }],
    [
      'a 500',
      failure('unavailable', 'possible'),
      { batchSize: 25, consecutiveFailures: 1 },
      { to: 'pending', pace: 'backoff', group: 'keep' },
    ],
    [
      'a third 500',
      failure('unavailable', 'possible'),
      { batchSize: 25, consecutiveFailures: 2 },
      { to: 'pending', pace: 'backoff', group: 'split' },
    ],
    [
      'a 500 of one, for the hundredth time (D17)',
      failure('unavailable', 'possible'),
      { consecutiveFailures: 99 },
      { to: 'pending', group: 'keep' },
    ],
    ['not sent', failure('dropped', 'none'), {}, { to: 'pending', reason: 'notSent' }],
  ])('%s', (_name, answer, over, step) => {
    expect(outcome(answer, over).step).toMatchObject(step);
  });

  it.each<[RecordAnswer, Partial<RecordFacts>, string, string, string | null]>([
    [{ kind: 'unprocessed' }, {}, 'unprocessed', 'AWS listed it as unprocessed.', 'clear'],
    [{ kind: 'missing' }, {}, 'missing', "AWS's answer does not say what became of it.", 'clear'],
    [
      status('CustomerNotSubscribed'),
      { agreement: { ...since('2026-10-01T00:00:00Z'), isInFinalHour: true } },
      'finalHour',
      'AWS takes nothing in the hour after the end, or not yet: its texts differ on which sign opens that hour.',
      'clear',
    ],
    [
      status('CustomerNotSubscribed'),
      { identityMeteredBefore: false, agreement: since(NOW.toISOString()) },
      'notSubscribedYet',
      'AWS does not know the agreement as active yet.',
      'clear',
    ],
    [
      status('CustomerNotSubscribed'),
      {},
      'notSubscribed',
      'AWS says the customer is not subscribed: the agreement has ended or the account is suspended.',
      null,
    ],
    [
      status('Deferred'),
      {},
      'unrecognised',
      'AWS answered with a status that this version does not know: Deferred.',
      null,
    ],
    [failure('dropped', 'none'), {}, 'notSent', 'Code: message', 'keep'],
    [failure('throttled', 'none'), {}, 'throttled', 'Code: message', 'keep'],
    [failure('setUp', 'none'), {}, 'setupError', 'Code: message', 'keep'],
    [failure('unavailable', 'possible'), {}, 'unavailable', 'Code: message', 'keep'],
    [failure('culprit', 'none', 'invalidTag'), { batchSize: 2 }, 'invalidTag', 'Code: message', 'split'],
    [failure('culprit', 'none', 'invalidTag'), {}, 'invalidTag', 'Code: message', null],
  ])('says why, in words for a person (%#)', (answer, over, reason, message, group) => {
    expect(outcome(answer, over).step).toMatchObject({ reason, message, ...(group === null ? {} : { group }) });
  });

  it.each([
    [
      'otherOnFile',
      {
        ...{ to: 'blocked', reason: 'conflict' },
        message:
          'AWS has another quantity on file from this resource for this hour. It would answer a resend of ours with ' +
          'its record, so what is there is not ours.',
      },
      false,
    ],
    ['tokenReused', { to: 'blocked', reason: 'idempotencyConflict', message: 'Code: message' }, false],
    [
      'notEntitled',
      {
        ...{ to: 'blocked', reason: 'notSubscribed' },
        message: 'AWS says the buyer has no subscription of the product: it has ended, or the account is suspended.',
      },
      true,
    ],
  ] as const)('MeterUsage: %s blocks it, and says why', (kind, step, asks) => {
    expect(outcome(verdict(kind), { earlier: ['uncertain'], batchSize: 1 })).toMatchObject({ step, asks });
  });

  it('tries a record that was not sent again after a pause', () => {
    expect(outcome(failure('dropped', 'none')).step).toMatchObject({ to: 'pending', pace: 'backoff' });
  });

  it.each<[string, Partial<RecordFacts>, 'unknown' | 'success', string]>([
    ['another system’s, where we never sent it', { earlier: ['refused'] }, 'unknown', 'that this ledger never sent'],
    [
      'another system’s, whatever AWS says of resends',
      { earlier: ['refused'] },
      'success',
      'that this ledger never sent',
    ],
    [
      'one of ours, where the grain is shared',
      { earlier: ['uncertain'], isGrainShared: true },
      'unknown',
      'one of ours',
    ],
    [
      'one of ours, by its id',
      { isAnothersId: true, isGrainShared: true },
      'unknown',
      'for another record of ours in this hour',
    ],
    [
      'one of another quantity, where an identical one would have been a Success',
      { earlier: ['uncertain'] },
      'success',
      'AWS has another record for this hour. It says so only when the quantity differs (aws.identicalResend is "success").',
    ],
  ])('says what a conflict may be: %s', (_, over, identicalResend, message) => {
    const { step } = outcome(status('DuplicateRecord'), over, identicalResend);
    expect(step).toMatchObject({ to: 'blocked', reason: 'conflict', message: expect.stringContaining(message) });
  });

  it('names another system, another identity or a backup where a conflict is with nothing of ours', () => {
    expect(outcome(status('DuplicateRecord')).step).toMatchObject({
      message:
        'AWS has a record for this hour that this ledger never sent: another system, another identity, or a ledger ' +
        'restored from a backup.',
    });
  });

  it('leaves a record as it is that was metered before, whoever says so again', () => {
    for (const answer of [status('Success'), status('DuplicateRecord')]) {
      expect(outcome(answer, { state: 'metered', holdsLease: false, earlier: ['billed'] })).toEqual({
        ...{ evidence: 'billed', step: { to: 'same' }, overBilled: false, asks: false },
      });
    }
  });

  it('sets the records of a cause aside as far as the cause reaches', () => {
    expect(CAUSE_SCOPE).toEqual({
      ...{ invalidDimension: 'dimension', invalidLicense: 'identity', invalidCustomer: 'identity' },
      invalidProduct: 'product',
      ...{ invalidAllocations: 'reason', invalidTag: 'reason', invalidRequest: 'reason', unrecognised: 'reason' },
      timestampOutOfBounds: 'reason',
    });
  });

  it.each<RecordState>(['pending', 'sending', 'blocked', 'unknown'])(
    'takes a Success from whoever, while the record is %s',
    (state) => {
      expect(outcome(status('Success'), { state, holdsLease: false })).toMatchObject({
        evidence: 'billed',
        step: { to: 'metered' },
        overBilled: false,
      });
    },
  );

  it('stores a Success for a closed record and raises the alarm', () => {
    expect(outcome(status('Success'), { state: 'closed', holdsLease: false })).toEqual({
      evidence: 'billed',
      step: { to: 'same' },
      overBilled: true,
      asks: false,
    });
  });

  it('takes no "no" from a sender who has lost the lease', () => {
    for (const answer of [
      status('CustomerNotSubscribed'),
      status('DuplicateRecord'),
      failure('culprit', 'none', 'invalidTag'),
      failure('dropped', 'none'),
    ]) {
      expect(outcome(answer, { holdsLease: false, isLatestAttempt: false })).toEqual({
        ...{ evidence: 'uncertain', step: { to: 'same' }, overBilled: false, asks: false },
      });
    }
  });

  it('believes a late sender that something was on file before it, while nobody has come after it', () => {
    expect(outcome(status('DuplicateRecord'), { holdsLease: false })).toMatchObject({
      evidence: 'conflict',
      step: { to: 'same' },
    });
    expect(outcome(status('CustomerNotSubscribed'), { holdsLease: false })).toMatchObject({ evidence: 'uncertain' });
  });

  it.each<[RecordAnswer, boolean]>([
    [status('CustomerNotSubscribed'), true],
    [failure('culprit', 'none', 'invalidLicense'), true],
    [failure('culprit', 'none', 'invalidCustomer'), true],
    [failure('culprit', 'none', 'invalidDimension'), false],
    [failure('throttled', 'none'), false],
    [status('Success'), false],
  ])('has AWS asked about the agreement where it refuses for it (%#)', (answer, asks) => {
    expect(outcome(answer)).toMatchObject({ asks, overBilled: false });
  });

  it('has AWS asked about an agreement that it does not take usage of yet, or may take none of any more', () => {
    const young = { identityMeteredBefore: false, agreement: since(NOW.toISOString()) };
    const ending = { agreement: { ...since('2026-10-01T00:00:00Z'), isInFinalHour: true } };
    expect(outcome(status('CustomerNotSubscribed'), young).asks).toBe(true);
    expect(outcome(status('CustomerNotSubscribed'), ending).asks).toBe(true);
    expect(outcome({ kind: 'unprocessed' }).asks).toBe(false);
  });

  it('has AWS asked about nobody while a batch is still divided to find the culprit', () => {
    expect(outcome(failure('culprit', 'none', 'invalidLicense'), { batchSize: 2 }).asks).toBe(false);
  });
});
