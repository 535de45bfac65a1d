import { describe, expect, it } from '@jest/globals';
import { type LedgerHome, strangenessOf } from '../../src/database/ledger-home.js';

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
