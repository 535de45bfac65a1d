import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CallFailure, type Culprit, type FailureKind } from '../../../src/aws/aws-error.js';
import {
  type Evidence,
  evidenceOf,
  knownNotBilled,
  type RecordAnswer,
} from '../../../src/metering/settlement/evidence.js';
import { endOf } from '../../../src/metering/settlement/record-end.js';
import {
  outcomeOf,
  type RecordFacts,
  type RecordState,
  retryDelayMs,
} from '../../../src/metering/settlement/record-outcome.js';

const NOW = new Date('2026-11-11T10:00:00Z');
const status = (name: string): RecordAnswer => ({
  kind: 'status',
  status: name,
  meteringRecordId: name === 'Success' ? 'm-1' : null,
});
const failure = (kind: FailureKind, effect: CallFailure['effect'], culprit: Culprit | null = null): RecordAnswer => ({
  kind: 'failure',
  failure: { kind, effect, culprit, code: 'Code', message: 'message', httpStatus: null, requestId: null },
});
const facts = (over: Partial<RecordFacts> = {}): RecordFacts => ({
  state: 'sending',
  holdsLease: true,
  earlier: [],
  consecutiveFailures: 0,
  batchSize: 1,
  isLatestAttempt: true,
  isGrainShared: false,
  identityMeteredBefore: true,
  agreement: { inForceSince: new Date('2026-10-01T00:00:00Z'), isInFinalHour: false },
  ...over,
});
const since = (instant: string) => ({ inForceSince: new Date(instant), isInFinalHour: false });
const outcome = (
  answer: RecordAnswer,
  over: Partial<RecordFacts> = {},
  identicalResend: 'unknown' | 'success' = 'unknown',
) => outcomeOf(answer, facts(over), { now: NOW, identicalResend, duplicateConfirms: true });

describe('evidence', () => {
  it.each<[string, RecordAnswer, Evidence[], 'unknown' | 'success', Evidence]>([
    ['Success', status('Success'), [], 'unknown', 'billed'],
    ['DuplicateRecord alone (D12, T13)', status('DuplicateRecord'), [], 'unknown', 'conflict'],
    ['DuplicateRecord after refusals only', status('DuplicateRecord'), ['refused', 'refused'], 'unknown', 'conflict'],
    [
      'DuplicateRecord after a conflict and an uncertain attempt',
      status('DuplicateRecord'),
      ['conflict', 'uncertain'],
      'unknown',
      'conflict',
    ],
    [
      'DuplicateRecord after an uncertain attempt',
      status('DuplicateRecord'),
      ['refused', 'uncertain'],
      'unknown',
      'billed',
    ],
    ['the same where identical resends are Success', status('DuplicateRecord'), ['uncertain'], 'success', 'conflict'],
    ['DuplicateRecord after proof', status('DuplicateRecord'), ['billed'], 'success', 'billed'],
    ['CustomerNotSubscribed', status('CustomerNotSubscribed'), [], 'unknown', 'refused'],
    ['a status nobody knows', status('Deferred'), [], 'unknown', 'uncertain'],
    ['no status (D11)', status(''), [], 'unknown', 'uncertain'],
    ['unprocessed (D10)', { kind: 'unprocessed' }, [], 'unknown', 'uncertain'],
    ['missing (D16)', { kind: 'missing' }, [], 'unknown', 'uncertain'],
    ['a modelled 4xx', failure('culprit', 'none', 'invalidTag'), [], 'unknown', 'refused'],
    ['throttling', failure('throttled', 'none'), [], 'unknown', 'refused'],
    ['a set-up error (D15)', failure('setUp', 'none'), [], 'unknown', 'refused'],
    ['a 5xx, timeout or reset (D3)', failure('unavailable', 'possible'), [], 'unknown', 'uncertain'],
    ['an error nobody knows', failure('unrecognised', 'possible'), [], 'unknown', 'uncertain'],
    ['not sent', failure('dropped', 'none'), [], 'unknown', 'refused'],
  ])('%s', (_name, answer, earlier, identicalResend, expected) => {
    expect(evidenceOf(answer, { earlier, identicalResend, isGrainShared: false, duplicateConfirms: true })).toBe(
      expected,
    );
  });

  it('takes no DuplicateRecord as proof where another record of ours shares the grain, or the operation never says it of the same record', () => {
    const reading = {
      earlier: ['uncertain' as const],
      identicalResend: 'unknown' as const,
      isGrainShared: false,
      duplicateConfirms: true,
    };
    const answer = status('DuplicateRecord');
    expect(evidenceOf(answer, { ...reading, isGrainShared: true })).toBe('conflict');
    expect(evidenceOf(answer, { ...reading, duplicateConfirms: false })).toBe('conflict');
    expect(evidenceOf(answer, { ...reading, earlier: ['uncertain', 'billed'], isGrainShared: true })).toBe('billed');
  });

  it('knows a record as not billed only if every attempt was refused, or there was none', () => {
    expect(knownNotBilled([])).toBe(true);
    expect(knownNotBilled(['refused', 'refused'])).toBe(true);
    expect(knownNotBilled(['refused', 'uncertain'])).toBe(false);
    expect(knownNotBilled(['billed'])).toBe(false);
    expect(knownNotBilled(['refused', 'conflict'])).toBe(false);
  });
});

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
    expect(outcome(answer).asks).toBe(asks);
  });

  it('has AWS asked about nobody while a batch is still divided to find the culprit', () => {
    expect(outcome(failure('culprit', 'none', 'invalidLicense'), { batchSize: 2 }).asks).toBe(false);
  });
});

describe('how long a retry waits', () => {
  const options = { backoffBaseMs: 1000, backoffCapMs: 300_000 };
  it('grows with the failures, is jittered over its whole length, and is capped', () => {
    expect(retryDelayMs('backoff', 1, options, 0.999)).toBeCloseTo(1998);
    expect(retryDelayMs('backoff', 4, options, 0.5)).toBe(8000);
    expect(retryDelayMs('backoff', 4, options, 0)).toBe(0);
    expect(retryDelayMs('backoff', 5000, options, 1)).toBe(300_000);
    expect(retryDelayMs('now', 5, options, 1)).toBeNull();
    expect(retryDelayMs('slow', 0, options, 0)).toBe(15_000);
    expect(retryDelayMs('throttled', 9, options, 1)).toBe(2000);
  });
});

describe('the end of trying', () => {
  const ending = { state: 'pending', reason: null, mode: 'live', attempts: [] as Evidence[] } as const;
  it.each([
    ['never tried', {}, 'carry', { to: 'annulled', reason: 'expired' }],
    ['refused only', { attempts: ['refused'] }, 'carry', { to: 'annulled', reason: 'expired' }],
    ['one attempt uncertain', { attempts: ['refused', 'uncertain'] }, 'carry', { to: 'unknown', reason: 'expired' }],
    [
      'blocked',
      { state: 'blocked', reason: 'invalidDimension', attempts: ['refused'] },
      'carry',
      { to: 'annulled', reason: 'expired' },
    ],
    [
      'blocked and uncertain',
      { state: 'blocked', reason: 'unrecognised', attempts: ['uncertain'] },
      'carry',
      { to: 'unknown', reason: 'unrecognised' },
    ],
    [
      'a conflict (T13)',
      { state: 'blocked', reason: 'conflict', attempts: ['conflict'] },
      'carry',
      { to: 'unknown', reason: 'conflict' },
    ],
    [
      'a conflict, whatever the option',
      { state: 'blocked', reason: 'conflict', attempts: ['conflict'] },
      'hold',
      { to: 'unknown', reason: 'conflict' },
    ],
    ['onExpired hold', {}, 'hold', { to: 'held', reason: 'expired' }],
    [
      'blocked, onExpired hold',
      { state: 'blocked', reason: 'notSubscribed', attempts: ['refused'] },
      'hold',
      { to: 'held', reason: 'notSubscribed' },
    ],
    [
      'the ledger did not bear it out',
      { state: 'blocked', reason: 'ledgerMismatch' },
      'carry',
      { to: 'held', reason: 'ledgerMismatch' },
    ],
    ['dry-run', { mode: 'dry-run' }, 'carry', { to: 'held', reason: 'dryRun' }],
  ] as const)('%s', (_name, over, onExpired, expected) => {
    expect(endOf({ ...ending, ...over }, onExpired)).toEqual(expected);
  });
});

/** A record's life, driven by the pure rules alone, beside what AWS really did. */
interface Life {
  state: RecordState;
  reason: string | null;
  disposition: 'annulled' | 'held' | null;
  lease: number | null;
  attempts: { evidence: Evidence; effective: boolean; answered: boolean }[];
  failures: number;
  overBilled: boolean;
  byDuplicate: boolean;
}

describe('any sequence of claims, answers, crashes and deadlines', () => {
  const answers = fc.constantFrom<RecordAnswer>(
    ...['Success', 'DuplicateRecord', 'CustomerNotSubscribed', 'Deferred'].map(status),
    { kind: 'unprocessed' },
    { kind: 'missing' },
    failure('unavailable', 'possible'),
    failure('throttled', 'none'),
    failure('setUp', 'none'),
    failure('culprit', 'none', 'invalidDimension'),
    failure('unrecognised', 'possible'),
    failure('dropped', 'none'),
  );
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: 'claim' as const }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(5), answer: answers }) },
    { weight: 2, arbitrary: fc.constant({ do: 'expireLease' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'requeue' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'cutoff' as const }) },
  );

  it('hands nothing back while an attempt is uncertain, and meters nothing without proof', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom('unknown' as const, 'success' as const),
        fc.constantFrom('carry' as const, 'hold' as const),
        fc.boolean(),
        fc.nat(24),
        (steps, identicalResend, onExpired, isGrainShared, others) => {
          const life: Life = {
            state: 'pending',
            reason: null,
            disposition: null,
            lease: null,
            attempts: [],
            failures: 0,
            overBilled: false,
            byDuplicate: false,
          };
          const evidence = () => life.attempts.map((attempt) => attempt.evidence);
          for (const next of steps) {
            const handedBack = life.disposition === 'annulled';
            if (next.do === 'claim' && life.state === 'pending') {
              life.lease = life.attempts.push({ evidence: 'uncertain', effective: false, answered: false }) - 1;
              life.state = 'sending';
            } else if (next.do === 'expireLease' && life.state === 'sending') {
              life.state = 'pending';
              life.lease = null;
            } else if (next.do === 'requeue' && life.state === 'blocked') {
              life.state = 'pending';
            } else if (next.do === 'cutoff' && (life.state === 'pending' || life.state === 'blocked')) {
              const end = endOf(
                { state: life.state, reason: life.reason, mode: 'live', attempts: evidence() },
                onExpired,
              );
              life.state = end.to === 'unknown' ? 'unknown' : 'closed';
              life.disposition = end.to === 'unknown' ? null : end.to;
            } else if (next.do === 'answer') {
              const index = life.attempts.length - 1 - next.which;
              const attempt = life.attempts[index];
              if (!attempt || attempt.answered) continue;
              attempt.answered = true;
              const result = outcomeOf(
                next.answer,
                facts({
                  state: life.state,
                  holdsLease: life.state === 'sending' && life.lease === index,
                  isLatestAttempt: index === life.attempts.length - 1,
                  isGrainShared,
                  earlier: evidence().slice(0, index),
                  consecutiveFailures: life.failures,
                  batchSize: others + 1,
                }),
                { now: NOW, identicalResend, duplicateConfirms: true },
              );
              attempt.evidence = result.evidence;
              life.overBilled ||= result.overBilled;
              if (result.step.to === 'metered')
                life.byDuplicate = result.step.confirmedByDuplicate && !evidence().slice(0, index).includes('billed');
              if (result.step.to !== 'same') {
                life.state = result.step.to;
                life.reason = 'reason' in result.step ? result.step.reason : null;
                life.lease = null;
                life.failures = result.step.to === 'pending' ? result.step.consecutiveFailures : 0;
              }
            }
            if (life.state === 'metered') expect(evidence()).toContain('billed');
            if (evidence().includes('billed')) expect(life.state === 'metered' || life.overBilled).toBe(true);
            if (life.disposition === 'annulled' && !handedBack)
              expect(evidence().every((one) => one === 'refused')).toBe(true);
            if (isGrainShared && life.state === 'metered') expect(life.byDuplicate).toBe(false);
            expect(life.state === 'sending').toBe(life.lease !== null);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
