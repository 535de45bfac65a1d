import { describe, expect, it } from '@jest/globals';
import {
  type Evidence,
  evidenceOf,
  isKnownStatus,
  knownNotBilled,
  type RecordAnswer,
} from '../../../src/metering/settlement/evidence.js';
import { failure, status, verdict } from './given-answer.js';

const READING = {
  earlier: [],
  identicalResend: 'unknown' as const,
  isGrainShared: false,
  isAnothersId: false,
  duplicateConfirms: true,
};

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
    ['MeterUsage: another quantity is on file', verdict('otherOnFile'), ['uncertain'], 'success', 'conflict'],
    ['MeterUsage: the token meant another request', verdict('tokenReused'), [], 'success', 'uncertain'],
    ['MeterUsage: the buyer has no subscription', verdict('notEntitled'), ['uncertain'], 'success', 'refused'],
  ])('%s', (_name, answer, earlier, identicalResend, expected) => {
    expect(evidenceOf(answer, { ...READING, earlier, identicalResend })).toBe(expected);
  });

  it('takes no DuplicateRecord as proof where another record of ours shares the grain, or the operation never says it of the same record', () => {
    const reading = { ...READING, earlier: ['uncertain' as const] };
    const answer = status('DuplicateRecord');
    expect(evidenceOf(answer, { ...reading, isGrainShared: true })).toBe('conflict');
    expect(evidenceOf(answer, { ...reading, duplicateConfirms: false })).toBe('conflict');
    expect(evidenceOf(answer, { ...reading, earlier: ['uncertain', 'billed'], isGrainShared: true })).toBe('billed');
  });

  it('takes an answer with the id of another record of ours as that record’s, whatever it says', () => {
    for (const name of ['Success', 'DuplicateRecord'])
      expect(evidenceOf(status(name), { ...READING, earlier: ['uncertain'], isAnothersId: true })).toBe('conflict');
  });

  it.each([
    ['Success', true],
    ['DuplicateRecord', true],
    ['CustomerNotSubscribed', true],
    ['Deferred', false],
    ['', false],
  ])('knows the statuses that AWS has told of: %p is one: %p', (name, isKnown) => {
    expect(isKnownStatus(name)).toBe(isKnown);
  });

  it('knows a record as not billed only if every attempt was refused, or there was none', () => {
    expect(knownNotBilled([])).toBe(true);
    expect(knownNotBilled(['refused', 'refused'])).toBe(true);
    expect(knownNotBilled(['refused', 'uncertain'])).toBe(false);
    expect(knownNotBilled(['billed'])).toBe(false);
    expect(knownNotBilled(['refused', 'conflict'])).toBe(false);
  });
});
