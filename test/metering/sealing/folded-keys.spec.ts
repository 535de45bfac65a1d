import { describe, expect, it } from '@jest/globals';
import { compareKeys, type KeyedUsage } from '../../../src/metering/sealing/folded-keys.js';

const usage = (id: string, over: Partial<KeyedUsage> = {}): KeyedUsage => ({
  id,
  dimension: 'requests',
  quantity: 1n,
  tags: null,
  reason: null,
  ...over,
});
const TAKEN = (): boolean => false;
const UNSEALED = (): boolean => true;

describe('usage whose key also stands under another id of its subscription', () => {
  it.each<
    [string, Parameters<typeof compareKeys>[0], (id: string) => boolean, Partial<ReturnType<typeof compareKeys>>]
  >([
    ['counts where nothing else has the key', [{ usage: usage('b'), siblings: [] }], TAKEN, { kept: ['b'] }],
    ['is a duplicate of what was taken', [{ usage: usage('b'), siblings: [usage('a')] }], TAKEN, { duplicates: ['b'] }],
    ['whichever id is lower', [{ usage: usage('a'), siblings: [usage('b')] }], TAKEN, { duplicates: ['a'] }],
    [
      'counts where the other is still unsealed',
      [{ usage: usage('b'), siblings: [usage('a')] }],
      UNSEALED,
      { kept: ['b'] },
    ],
    [
      'of two that are taken together the lower id counts',
      [
        { usage: usage('b'), siblings: [usage('a')] },
        { usage: usage('a'), siblings: [usage('b')] },
      ],
      TAKEN,
      { kept: ['a'], duplicates: ['b'] },
    ],
    [
      'another quantity is a conflict',
      [{ usage: usage('b'), siblings: [usage('a', { quantity: 2n })] }],
      TAKEN,
      { conflicts: ['b'] },
    ],
    [
      'another dimension',
      [{ usage: usage('b'), siblings: [usage('a', { dimension: 'storage' })] }],
      TAKEN,
      { conflicts: ['b'] },
    ],
    ['other tags', [{ usage: usage('b'), siblings: [usage('a', { tags: '{"a":"1"}' })] }], TAKEN, { conflicts: ['b'] }],
    ['another reason', [{ usage: usage('b'), siblings: [usage('a', { reason: 'x' })] }], TAKEN, { conflicts: ['b'] }],
    [
      'the same as any of several that were taken',
      [{ usage: usage('c'), siblings: [usage('a', { quantity: 2n }), usage('b')] }],
      TAKEN,
      { duplicates: ['c'] },
    ],
  ])('%s', (_, taking, isUnsealed, expected) => {
    expect(compareKeys(taking, isUnsealed)).toEqual({ kept: [], duplicates: [], conflicts: [], ...expected });
  });
});
