import { describe, expect, it } from '@jest/globals';
import { type Evidence } from '../../../src/metering/settlement/evidence.js';
import { auditStepOf, type LoggedAnswer } from '../../../src/metering/settlement/logged-answer.js';
import { type RecordState } from '../../../src/metering/settlement/record-outcome.js';

const said = (status: string, attemptId: string | null = 'a', quantity = 9): LoggedAnswer => ({
  ...{ attemptId, answer: { kind: 'status', status }, quantity, meteringRecordId: `mr-${quantity}` },
  source: { eventId: 'event', requestId: null, at: '2026-11-11T11:00:00.000Z', matchedBy: 'attempt' },
});
const failed = (code: string, attemptId = 'a'): LoggedAnswer => ({
  ...said('error', attemptId),
  answer: { kind: 'error', code },
});
const record = (state: RecordState, ...evidence: Evidence[]) => ({
  state,
  quantity: 9,
  attempts: evidence.map((one, index) => ({ attemptId: 'abc'.charAt(index), evidence: one })),
});

type Case = [string, ReturnType<typeof record>, LoggedAnswer[], object];
const same = { to: 'same' };

describe('what AWS’s log does to a record', () => {
  const proven: Case[] = [
    ['unknown, our call', record('unknown', 'uncertain'), [said('Success')], { to: 'metered', attemptIds: ['a'] }],
    ['blocked, our call', record('blocked', 'uncertain'), [said('Success')], { to: 'metered', attemptIds: ['a'] }],
    ['pending, our call', record('pending', 'uncertain'), [said('Success')], { to: 'metered', attemptIds: ['a'] }],
    [
      'the second of two calls, whose first was refused',
      record('unknown', 'refused', 'uncertain'),
      [failed('ThrottlingException'), said('Success', 'b')],
      { to: 'metered', attemptIds: ['b'] },
    ],
    [
      'in conflict with itself: its first call was taken',
      record('blocked', 'uncertain', 'conflict'),
      [said('Success'), said('DuplicateRecord', 'b')],
      { to: 'metered', attemptIds: ['a'] },
    ],
    ['closed', record('closed', 'refused'), [said('Success')], { to: 'overBilled', attemptIds: ['a'] }],
    ['closed, and told already', record('closed', 'billed'), [said('Success')], same],
    ['metered', record('metered', 'billed'), [said('Success')], same],
    ['in the air', record('sending', 'uncertain'), [said('Success')], same],
  ];
  const onFile: Case[] = [
    [
      'K34 (a) in conflict, our units',
      record('blocked', 'conflict'),
      [said('Success', null)],
      { to: 'settled', quantity: 9, attemptIds: ['a'] },
    ],
    [
      'K34 (b) in conflict, other units',
      record('unknown', 'uncertain', 'conflict'),
      [said('Success', null, 5)],
      { to: 'settled', quantity: 5, attemptIds: ['b'] },
    ],
    [
      'unknown, our units of a call that names nobody',
      record('unknown', 'uncertain', 'uncertain'),
      [said('Success', null)],
      { to: 'metered', attemptIds: ['a'] },
    ],
    [
      'unknown, other units',
      record('unknown', 'uncertain'),
      [said('Success', null, 5)],
      { to: 'settled', quantity: 5, attemptIds: ['a'] },
    ],
    [
      'two quantities on file',
      record('blocked', 'conflict'),
      [said('Success', null, 5), said('Success', null, 6)],
      same,
    ],
    [
      'the same quantity twice',
      record('blocked', 'conflict'),
      [said('Success', null, 5), said('Success', null, 5)],
      { to: 'settled', quantity: 5 },
    ],
    ['on its way', record('pending', 'uncertain'), [said('Success', null, 5)], same],
    ['refused for another reason', record('blocked', 'refused'), [said('Success', null)], same],
    ['closed, by another sender', record('closed', 'refused'), [said('Success', null)], same],
    [
      'an attempt of another ledger',
      record('unknown', 'uncertain'),
      [said('Success', 'z', 5)],
      { to: 'settled', quantity: 5 },
    ],
  ];
  const refused: Case[] = [
    [
      'K35 an error refuses its attempt, never the record',
      record('unknown', 'uncertain', 'uncertain'),
      [failed('ThrottlingException')],
      { to: 'refused', isNotBilled: false, refusals: [{ attemptId: 'a' }] },
    ],
    [
      'all attempts were refused',
      record('unknown', 'refused', 'uncertain', 'uncertain'),
      [failed('AccessDeniedException', 'b'), said('CustomerNotSubscribed', 'c')],
      { to: 'refused', isNotBilled: true, refusals: [{ attemptId: 'b' }, { attemptId: 'c' }] },
    ],
    ['a server’s error says nothing', record('unknown', 'uncertain'), [failed('InternalServiceErrorException')], same],
    ['a name nobody knows says nothing', record('unknown', 'uncertain'), [failed('Mystery')], same],
    ['unprocessed says nothing', record('unknown', 'uncertain'), [said('unprocessed')], same],
    ['missing says nothing', record('unknown', 'uncertain'), [said('missing')], same],
    ['left out says nothing', record('unknown', 'uncertain'), [said('omitted')], same],
    ['a duplicate says nothing of whose', record('unknown', 'uncertain'), [said('DuplicateRecord')], same],
    ['a status nobody knows', record('unknown', 'uncertain'), [said('Perhaps')], same],
    [
      'two ends of one call',
      record('unknown', 'uncertain'),
      [said('CustomerNotSubscribed'), said('unprocessed')],
      same,
    ],
    ['a conflict is never refused', record('unknown', 'conflict'), [failed('ThrottlingException')], same],
    ['nothing was found', record('unknown', 'uncertain'), [], same],
    ['an error of another’s call', record('unknown', 'uncertain'), [failed('ThrottlingException', 'z')], same],
  ];

  it.each([...proven, ...onFile, ...refused])('%s', (_, given, answers, expected) => {
    expect(auditStepOf(given, answers)).toMatchObject(expected);
    // In whatever order they were found.
    expect(auditStepOf(given, [...answers].reverse()).to).toBe((expected as { to: string }).to);
  });
});
