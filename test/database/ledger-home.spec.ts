import { describe, expect, it } from '@jest/globals';
import { type LedgerHome, strangenessOf } from '../../src/database/ledger-home.js';
import { differingSettings } from '../../src/subscription/money-settings.js';

const HOME: LedgerHome = { cluster: '7300000000000000001', databaseOid: '16384', databaseName: 'app' };

describe('whether a database is the one in which the ledger was begun', () => {
  it.each<[string, Partial<LedgerHome>, Partial<LedgerHome>, RegExp | null]>([
    ['the same', {}, {}, null],
    ['renamed', {}, { databaseName: 'app_2' }, null],
    ['a copy within the cluster', {}, { databaseOid: '16999', databaseName: 'app_copy' }, /database "app".*"app_copy"/],
    ['a copy under the same name', {}, { databaseOid: '16999' }, /oid 16384.*oid 16999/],
    ['a dump loaded into another cluster', {}, { cluster: '7300000000000000002' }, /another cluster/],
    ['of a cluster that says nothing', { cluster: null }, { cluster: null }, null],
    ['of a cluster that says nothing here', {}, { cluster: null }, null],
    ['another name, of a cluster that says nothing', {}, { cluster: null, databaseName: 'b' }, /"app".*"b"/],
  ])('%s', (_, pinned, found, expected) => {
    const strangeness = strangenessOf({ ...HOME, ...pinned }, { ...HOME, ...found });
    if (expected === null) expect(strangeness).toBeNull();
    else expect(strangeness).toMatch(expected);
  });
});

describe('settings that differ', () => {
  it.each([
    ['none stored', { a: '1' }, null, []],
    ['the same', { a: '1', b: '2' }, { b: '2', a: '1' }, []],
    ['one', { a: '1', b: '2' }, { a: '1', b: '3' }, ['b: here 2, there 3']],
    ['one that an older version does not know', { a: '1' }, { a: '1', b: '3' }, ['b: here not known, there 3']],
  ])('%s', (_, own, stored, expected) => {
    expect(differingSettings(own, stored as Record<string, string> | null)).toEqual(expected);
  });
});
