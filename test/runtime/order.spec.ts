import { describe, expect, it } from '@jest/globals';
import { byKey, byText } from '../../src/runtime/order.js';

describe('order', () => {
  it.each([
    ['a', 'b', -1],
    ['b', 'a', 1],
    ['a', 'a', 0],
    ['', 'a', -1],
    ['Z', 'a', -1],
    ['é', 'z', 1],
    ['a1', 'a10', -1],
    ['a2', 'a10', 1],
  ])('of %p and %p is %d, by code units', (a, b, order) => {
    expect(byText(a, b)).toBe(order);
  });

  it('of a map is that of its keys', () => {
    const map = new Map([
      ['b', 1],
      ['a', 3],
      ['c', 2],
    ]);
    expect([...map].sort(byKey).map(([, value]) => value)).toEqual([3, 1, 2]);
  });
});
