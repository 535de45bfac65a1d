import { describe, expect, it } from '@jest/globals';
import { type ResolvedOptions, type ResolvedProduct } from '../../src/options/resolved-options.js';
import {
  differingSettings,
  type MoneySettings,
  moneySettingsOf,
  type RevisedSettings,
  settingsStanding,
} from '../../src/subscription/money-settings.js';

describe('what decides the bill of a product', () => {
  const settings = (product: object = {}, endpoint?: string): MoneySettings =>
    moneySettingsOf(
      { aws: { endpoint, identicalResend: 'unknown' }, onExpired: 'carry' } as unknown as ResolvedOptions,
      {
        ...{ type: 'saas', identity: 'license', region: 'us-east-1', usageOperation: 'MeterUsage', agentCore: false },
        ...{ mode: 'live', liveFrom: null, zeroRecords: 'contract', onSeveral: 'wait', includedUnits: [], ...product },
      } as unknown as ResolvedProduct,
    );
  const common = {
    ...{ 'products[].mode': 'live', 'products[].zeroRecords': 'contract', 'products[].onSeveral': 'wait' },
    ...{ onExpired: 'carry', 'aws.endpoint': 'AWS', 'aws.identicalResend': 'unknown' },
  };
  const saas = {
    ...{ 'products[].type': 'saas', 'products[].identity': 'license', 'products[].region': 'us-east-1' },
    ...common,
  };

  it('of a SaaS product is its name, its place and its rules', () => {
    expect(settings()).toStrictEqual(saas);
  });

  it('of a product in its buyer’s account is its operation: where it runs is each replica’s own', () => {
    expect(settings({ type: 'container' })).toStrictEqual({
      ...{ 'products[].type': 'container', 'products[].usageOperation': 'MeterUsage', 'products[].agentCore': 'false' },
      ...common,
    });
  });

  it('is also since when it is live, while it is', () => {
    const liveFrom = new Date('2026-11-11T10:00:00Z');
    expect(settings({ liveFrom })).toStrictEqual({ ...saas, 'products[].liveFrom': '2026-11-11T10:00:00.000Z' });
    expect(settings({ liveFrom, mode: 'off' })).toStrictEqual({ ...saas, 'products[].mode': 'off' });
  });

  it('is what is included', () => {
    const includedUnits = [{ contractDimension: 'pack', units: '1000' }];
    expect(settings({ included: 'entitlements', includedUnits })).toStrictEqual({
      ...saas,
      'products[].included': 'entitlements',
      'products[].includedUnits': '[{"contractDimension":"pack","units":"1000"}]',
    });
  });

  it('is where AWS is, without a path, a user or a password', () => {
    expect(settings({}, 'http://me:secret@localhost:4010/aws')).toStrictEqual({
      ...saas,
      'aws.endpoint': 'http://localhost:4010',
    });
  });
});

describe('settings that differ', () => {
  it.each([
    ['none stored', { a: '1' }, null, []],
    ['the same', { a: '1', b: '2' }, { b: '2', a: '1' }, []],
    ['one', { a: '1', b: '2' }, { a: '1', b: '3' }, ['b: here 2, in force 3']],
    ['one that a newer version does not know', { a: '1', b: '3' }, { a: '1' }, ['b: here 3, in force not given']],
    [
      'several, by their names',
      { b: '1', a: '1' },
      { a: '2', b: '2' },
      ['a: here 1, in force 2', 'b: here 1, in force 2'],
    ],
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
