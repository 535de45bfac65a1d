import { describe, expect, it } from '@jest/globals';
import { compareHour, type StandingRecord, type TakenEntry } from '../../src/audit/incident.js';

let events = 0;
/** AWS's id is one for each grain. */
const taken = (over: Partial<TakenEntry> = {}): TakenEntry => {
  const entry: TakenEntry = {
    ...{ eventId: `event-${(events += 1)}`, productCode: 'larkspur', kind: 'license', digest: 'd1', account: 'acc' },
    ...{ region: 'us-east-1', dimension: 'requests', quantity: 5, isNamedTwice: false, recordId: null },
    isOthers: false,
    meteringRecordId: null,
    at: new Date('2026-11-11T11:00:00Z'),
    ...over,
  };
  const { productCode, kind, digest, region, dimension } = entry;
  return {
    ...entry,
    meteringRecordId: over.meteringRecordId ?? [productCode, kind, digest, region, dimension].join(' '),
  };
};
const record = (over: Partial<StandingRecord> = {}): StandingRecord => ({
  ...{ id: 'r1', productCode: 'larkspur', kind: 'license', digest: 'd1', region: 'us-east-1', dimension: 'requests' },
  ...{ state: 'metered', quantity: 5 },
  ...over,
});
const legacy = { kind: 'customerIdentifier', digest: 'd2' } as const;
const compare = (entries: TakenEntry[], records: StandingRecord[]) =>
  compareHour(entries, records, new Set(['larkspur', 'foxglove']));

describe('K34, K35: one hour of the log against the ledger', () => {
  it.each<[string, TakenEntry[], StandingRecord[], string[]]>([
    ['the same', [taken()], [record()], []],
    ['the same, sent twice', [taken(), taken()], [record()], []],
    ['nothing on either side', [], [], []],
    ['nothing was read of the log', [], [record()], []],
    ['(c) usage of no record', [taken()], [], ['unknownUsage null']],
    ['a zero of no record', [taken({ quantity: 0 })], [], []],
    ['usage of a record that was closed', [taken()], [record({ state: 'closed' })], ['unknownUsage 0']],
    ['a record on its way', [taken()], [record({ state: 'pending', quantity: 9 })], []],
    ['a record that is open', [taken()], [record({ state: 'unknown', quantity: 9 })], []],
    ['other units than the ledger has', [taken({ quantity: 7 })], [record()], ['otherQuantity 5']],
    ['two quantities in one grain', [taken(), taken({ quantity: 7 })], [record()], ['otherQuantity 5']],
    [
      '(d) license and legacy name of one account',
      [taken(), taken(legacy)],
      [record(), record({ id: 'r2', ...legacy })],
      ['twoIdentities null'],
    ],
    [
      '(d) two names of one account, under one id: AWS has taken the two for one',
      [taken({ meteringRecordId: 'one' }), taken({ ...legacy, meteringRecordId: 'one' })],
      [record(), record({ id: 'r2', ...legacy, state: 'blocked' })],
      [],
    ],
    [
      'the same, once the second was annulled',
      [taken({ meteringRecordId: 'one' }), taken({ ...legacy, meteringRecordId: 'one' })],
      [record()],
      [],
    ],
    ['(d) license and product code in one call', [taken({ isNamedTwice: true })], [record()], ['twoIdentities null']],
    ['two licenses of one account', [taken(), taken({ digest: 'd9' })], [record(), record({ digest: 'd9' })], []],
    [
      'license and legacy name of two accounts',
      [taken(), taken({ ...legacy, account: 'other' })],
      [record(), record(legacy)],
      [],
    ],
    [
      'license and legacy name of nobody known',
      [taken({ account: null }), taken({ ...legacy, account: null })],
      [record(), record(legacy)],
      [],
    ],
    [
      'license and a zero under the legacy name',
      [taken(), taken({ ...legacy, quantity: 0 })],
      [record(), record({ ...legacy, quantity: 0 })],
      [],
    ],
    [
      '(e) two regions',
      [taken(), taken({ region: 'eu-west-1' })],
      [record(), record({ region: 'eu-west-1' })],
      ['twoRegions null'],
    ],
    ['(e) another region alone', [taken({ region: 'eu-west-1' })], [record()], ['unknownUsage null']],
    [
      'a legacy buyer by his other name',
      [taken({ ...legacy, account: 'acc' })],
      [record({ kind: 'account', digest: 'acc' })],
      [],
    ],
    [
      'K40 a call of ours, whatever session signed it',
      [taken({ kind: 'resource', digest: 'session', account: null, recordId: 'r1' })],
      [record({ kind: 'resource', digest: 'pod' })],
      [],
    ],
    [
      'K40 another resource of the same product',
      [taken({ kind: 'resource', digest: 'other', account: null })],
      [record({ kind: 'resource', digest: 'pod' })],
      ['unknownUsage null'],
    ],
    ['K38 another product of the account', [taken({ productCode: 'thistle' })], [], []],
    ['K38 a license that nobody knows', [taken({ productCode: null })], [], []],
    ['another product of ours', [taken({ productCode: 'foxglove' })], [record()], ['unknownUsage null']],
  ])('%s', (_, entries, records, expected) => {
    const order = compare(entries, records);
    expect(order.incidents.map(({ kind, ledgerUnits }) => `${kind} ${ledgerUnits}`)).toEqual(expected);
    const reversed = compare([...entries].reverse(), [...records].reverse());
    expect(reversed.incidents.map(({ kind }) => kind).sort()).toEqual(order.incidents.map(({ kind }) => kind).sort());
  });

  it('says what AWS has, and what the ledger has in its place', () => {
    const entry = taken({ eventId: 'e-1', meteringRecordId: 'm-1', quantity: 7 });
    const about = { productCode: 'larkspur', dimension: 'requests' };
    const has = { eventId: 'e-1', meteringRecordId: 'm-1', region: 'us-east-1', identity: 'license', units: 7 };
    expect(compare([entry], [record()]).incidents).toEqual([
      { kind: 'otherQuantity', ...about, taken: [has], recordId: 'r1', ledgerUnits: 5 },
    ]);
    expect(compare([entry], []).incidents).toEqual([
      { kind: 'unknownUsage', ...about, taken: [has], recordId: null, ledgerUnits: null },
    ]);
  });

  const early = new Date('2026-11-11T10:59:00Z');
  it('holds the first of a grain against the ledger, by its instant, then by its id', () => {
    const bothWays = (entries: TakenEntry[]): unknown[] =>
      [entries, [...entries].reverse()].map((list) =>
        compare(list, [record()]).incidents[0]?.taken.map(({ units }) => units),
      );
    expect(bothWays([taken(), taken({ quantity: 7, at: early })])).toEqual([
      [7, 5],
      [7, 5],
    ]);
    expect(bothWays([taken({ eventId: 'a' }), taken({ eventId: 'b', quantity: 7 })])).toEqual([
      [5, 7],
      [5, 7],
    ]);
  });

  it('counts one id once, where the ledger has it, else by the first', () => {
    const legacyFirst = [taken({ ...legacy, meteringRecordId: 'one', at: early }), taken({ meteringRecordId: 'one' })];
    const unknown = (records: StandingRecord[]): unknown[] =>
      [legacyFirst, [...legacyFirst].reverse()].map((list) =>
        compare(list, records).incidents.flatMap((one) => one.taken.map(({ identity }) => identity)),
      );
    expect(unknown([])).toEqual([['customerIdentifier'], ['customerIdentifier']]);
    // The other records of the hour have no part in it.
    expect(unknown([record(), record({ id: 'r9', digest: 'd9' })])).toEqual([[], []]);
  });

  it('counts what has no id by its event', () => {
    const nameless = (eventId: string, digest: string): TakenEntry => ({
      ...taken({ eventId, digest }),
      meteringRecordId: null,
    });
    const { incidents } = compare([nameless('e-1', 'd7'), nameless('e-2', 'd8')], []);
    expect(incidents).toHaveLength(2);
  });

  it.each<[string, TakenEntry[], StandingRecord[], string[]]>([
    ['a zero of a record that was closed', [taken({ quantity: 0 })], [record({ state: 'closed', quantity: 0 })], []],
    [
      'license and product code in one of two calls',
      [taken({ isNamedTwice: true }), taken({ digest: 'd9' })],
      [record(), record({ id: 'r2', digest: 'd9' })],
      ['twoIdentities'],
    ],
    [
      'two regions of two buyers',
      [taken({ account: null }), taken({ account: null, digest: 'd9', region: 'eu-west-1' })],
      [record(), record({ id: 'r2', digest: 'd9', region: 'eu-west-1' })],
      [],
    ],
    ['a record of the same digest under another kind', [taken()], [record({ kind: 'account' })], ['unknownUsage']],
    [
      'a legacy buyer, and a record of another account',
      [taken({ ...legacy, account: 'acc' })],
      [record({ kind: 'account', digest: 'other' })],
      ['unknownUsage'],
    ],
    [
      'a legacy buyer, and a license of the digest of his account',
      [taken({ ...legacy, account: 'acc' })],
      [record({ kind: 'license', digest: 'acc' })],
      ['unknownUsage'],
    ],
    [
      'a license, and a record of its buyer’s account',
      [taken({ account: 'acc' })],
      [record({ kind: 'account', digest: 'acc' })],
      ['unknownUsage'],
    ],
    ['another dimension', [taken()], [record({ dimension: 'storage' })], ['unknownUsage']],
    [
      'K40 a call of ours, and another record of the same name',
      [taken({ recordId: 'r1', quantity: 5 })],
      [record({ id: 'r0', quantity: 9 }), record()],
      [],
    ],
  ])('%s', (_, entries, records, expected) => {
    expect(compare(entries, records).incidents.map(({ kind }) => kind)).toEqual(expected);
  });

  it('adds up what AWS took, once per grain, its first; other products and other installations stand apart', () => {
    const later = new Date('2026-11-11T12:00:00Z');
    const { totals, elsewhere } = compare(
      [
        taken({ quantity: 8, at: later }),
        taken(),
        taken({ digest: 'd2', quantity: 3 }),
        taken({ dimension: 'storage', quantity: 2 }),
        taken({ productCode: 'thistle', quantity: 100 }),
        taken({ kind: 'resource', digest: 'd9', quantity: 40, isOthers: true }),
      ],
      [record(), record({ id: 'r2', digest: 'd2', quantity: 3 }), record({ id: 'r3', digest: 'd3', state: 'unknown' })],
    );
    expect(totals.sort((a, b) => (a.dimension < b.dimension ? -1 : 1))).toEqual([
      { productCode: 'larkspur', dimension: 'requests', awsUnits: 8, awsRecords: 2, ledgerUnits: 8, ledgerRecords: 2 },
      { productCode: 'larkspur', dimension: 'storage', awsUnits: 2, awsRecords: 1, ledgerUnits: 0, ledgerRecords: 0 },
    ]);
    expect(elsewhere).toBe(2);
  });
});
