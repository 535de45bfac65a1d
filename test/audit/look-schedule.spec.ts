import { describe, expect, it } from '@jest/globals';
import { nextLookAt } from '../../src/audit/look-schedule.js';

const ATTEMPT = new Date('2026-11-11T10:00:00Z');
const minutes = (count: number): Date => new Date(ATTEMPT.getTime() + count * 60_000);

describe('when a record is looked for', () => {
  it.each<[number | null, number]>([
    [null, 15],
    [-5, 15],
    [0, 15],
    [14.99, 15],
    [15, 30],
    [17, 30],
    [30, 60],
    [59, 60],
    [60, 120],
    [61, 120],
    [119, 120],
    [120, 180],
    [1500, 1560],
  ])('looked for after %p minutes: next after %p', (looked, next) => {
    expect(nextLookAt(ATTEMPT, looked === null ? null : minutes(looked))).toEqual(minutes(next));
  });
});
