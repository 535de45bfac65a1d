import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Evidence, type RecordAnswer } from '../../../src/metering/settlement/evidence.js';
import { endOf } from '../../../src/metering/settlement/record-end.js';
import { outcomeOf, type RecordState } from '../../../src/metering/settlement/record-outcome.js';
import { facts, failure, NOW, status } from './given-answer.js';

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
