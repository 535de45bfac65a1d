import { describe, expect, it } from '@jest/globals';
import { differingSettings, type RevisedSettings, settingsStanding } from '../../src/subscription/money-settings.js';

describe('settings that differ', () => {
  it.each([
    ['none stored', { a: '1' }, null, []],
    ['the same', { a: '1', b: '2' }, { b: '2', a: '1' }, []],
    ['one', { a: '1', b: '2' }, { a: '1', b: '3' }, ['b: here 2, in force 3']],
    ['one that an older version does not know', { a: '1' }, { a: '1', b: '3' }, ['b: here not given, in force 3']],
  ])('%s', (_, own, stored, expected) => {
    expect(differingSettings(own, stored as Record<string, string> | null)).toEqual(expected);
  });
});

describe('what a start with settings means', () => {
  const of = (mode: string, revision = 0): RevisedSettings => ({ revision, settings: { mode } });

  it.each<[string, RevisedSettings, RevisedSettings[], ReturnType<typeof settingsStanding>]>([
    ['the first ever', of('live'), [], 'newer'],
    ['those in force', of('live'), [of('live')], 'inForce'],
    ['those that nobody had before', of('off'), [of('live')], 'newer'],
    ['those of before', of('dry-run'), [of('live'), of('dry-run')], 'older'],
    ['those in force, that were in force before, too', of('live'), [of('live'), of('off'), of('live')], 'inForce'],
    ['those of long before', of('a'), [of('c'), of('b'), of('a')], 'older'],
    ['those of before, with a higher revision', of('dry-run', 1), [of('live'), of('dry-run')], 'newer'],
    ['those in force, with a higher revision', of('live', 1), [of('live')], 'newer'],
    ['news, with a lower revision', of('off'), [of('live', 1), of('live')], 'older'],
    ['those in force, with a lower revision', of('live'), [of('live', 1), of('off')], 'inForce'],
    ['news of the same revision', of('off', 1), [of('live', 1), of('off')], 'older'],
    ['news of the same revision that nobody had', of('a', 1), [of('live', 1), of('off')], 'newer'],
  ])('%s', (_, own, generations, expected) => {
    expect(settingsStanding(own, generations)).toBe(expected);
  });
});
