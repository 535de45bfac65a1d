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
