import { describe, expect, it } from '@jest/globals';
import { obstaclesIn } from '../../../src/metering/erasure/erasure-obstacle.js';
import { type OpenMoney } from '../../../src/metering/erasure/open-money.sql.js';

const NOTHING: OpenMoney = { subscriptions: [], usage: [], records: [], remainders: [], messages: [] };

describe('what stands against an erasure', () => {
  it('is nothing where nothing is open', () => {
    expect(obstaclesIn(NOTHING)).toEqual([]);
  });

  it.each<[string, Partial<OpenMoney>, string, string, RegExp]>([
    ['an agreement', { subscriptions: [{ id: 's', state: 'active' }] }, 'agreement', 'subscription s is active', /end/],
    [
      'an open window',
      { subscriptions: [{ id: 's', state: 'ending' }] },
      ...(['agreement', 'subscription s is ending', /window.*asked/] as const),
    ],
    [
      'an arrival',
      { subscriptions: [{ id: 's', state: 'registered' }] },
      ...(['agreement', 'subscription s is registered', /seven days/] as const),
    ],
    [
      'a message on its way',
      { messages: [{ state: 'pending', count: 2 }] },
      ...(['message', '2 message(s) of the buyer are pending', /job inbox/] as const),
    ],
    [
      'a message that waits',
      { messages: [{ state: 'waiting', count: 1 }] },
      ...(['message', '1 message(s) of the buyer are waiting', /fourteen days/] as const),
    ],
    ['usage', { usage: [{ dimension: 'd', reason: null, units: '2' }] }, 'usage', '2 of d are not sealed', /job seal/],
    [
      'usage nobody pays yet',
      { usage: [{ dimension: 'd', reason: 'ambiguous', units: '2' }] },
      ...(['usage', '2 of d wait (ambiguous)', /choosePayer/] as const),
    ],
    ['a record to send', { records: [{ state: 'pending', count: 3 }] }, 'record', '3 record(s) are pending', /submit/],
    ['a record at AWS', { records: [{ state: 'sending', count: 1 }] }, 'record', '1 record(s) are sending', /of AWS/],
    ['an unknown record', { records: [{ state: 'unknown', count: 1 }] }, 'record', '1 record(s) are unknown', /audit/],
    [
      'a refused record',
      { records: [{ state: 'blocked', count: 1 }] },
      'record',
      '1 record(s) are blocked',
      /write it off/,
    ],
    ['any other record', { records: [{ state: 'new', count: 1 }] }, 'record', '1 record(s) are new', /^wait$/],
    [
      'a refund',
      { records: [{ state: 'owed', count: 1 }] },
      ...(['refund', '1 record(s) say that the buyer is owed a refund', /Management Portal/] as const),
    ],
    [
      'a remainder',
      { remainders: [{ dimension: 'd', carry: '0.5' }] },
      ...(['remainder', '0.5 of d are carried by a period whose books are open', /last cutoff/] as const),
    ],
  ])('%s, and what ends it', (_, open, kind, found, fix) => {
    expect(obstaclesIn({ ...NOTHING, ...open })).toEqual([{ kind, found, fix: expect.stringMatching(fix) }]);
  });
});
