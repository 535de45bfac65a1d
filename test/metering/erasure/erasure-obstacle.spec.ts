import { describe, expect, it } from '@jest/globals';
import { obstaclesIn } from '../../../src/metering/erasure/erasure-obstacle.js';
import { type OpenMoney } from '../../../src/metering/erasure/open-money.sql.js';

const NOTHING: OpenMoney = { subscriptions: [], usage: [], records: [], remainders: [], messages: [] };

describe('what stands against an erasure', () => {
  it('is nothing where nothing is open', () => {
    expect(obstaclesIn(NOTHING)).toEqual([]);
  });

  it.each<[string, Partial<OpenMoney>, string, RegExp]>([
    ['an agreement', { subscriptions: [{ id: 's', state: 'active' }] }, 'agreement', /end/],
    ['an open window', { subscriptions: [{ id: 's', state: 'ending' }] }, 'agreement', /window.*asked/],
    ['an arrival', { subscriptions: [{ id: 's', state: 'registered' }] }, 'agreement', /seven days/],
    ['a message on its way', { messages: [{ state: 'pending', count: 2 }] }, 'message', /job inbox/],
    ['a message that waits', { messages: [{ state: 'waiting', count: 1 }] }, 'message', /fourteen days/],
    ['usage', { usage: [{ dimension: 'd', reason: null, units: '2' }] }, 'usage', /job seal/],
    ['usage nobody pays yet', { usage: [{ dimension: 'd', reason: 'ambiguous', units: '2' }] }, 'usage', /choosePayer/],
    ['a record', { records: [{ state: 'unknown', count: 1 }] }, 'record', /audit/],
    ['a refused record', { records: [{ state: 'blocked', count: 1 }] }, 'record', /write it off/],
    ['a refund', { records: [{ state: 'owed', count: 1 }] }, 'refund', /Management Portal/],
    ['a remainder', { remainders: [{ dimension: 'd', carry: '0.5' }] }, 'remainder', /last cutoff/],
  ])('%s, and what ends it', (_, open, kind, fix) => {
    expect(obstaclesIn({ ...NOTHING, ...open })).toEqual([
      { kind, found: expect.any(String), fix: expect.stringMatching(fix) },
    ]);
  });
});
