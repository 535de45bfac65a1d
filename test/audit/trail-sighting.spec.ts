import { describe, expect, it } from '@jest/globals';
import {
  type LedgerExcerpt,
  type LedgerRecord,
  type SightedCall,
  type SightedEntry,
  sightingsOf,
} from '../../src/audit/trail-sighting.js';

const HOUR = new Date('2026-11-11T10:00:00Z');
const license = { kind: 'license', digest: 'd1' } as const;
const entry = (over: Partial<SightedEntry> = {}): SightedEntry => ({
  ...{ identities: [license], accountDigest: null, dimension: 'requests', hour: HOUR, quantity: 5 },
  ...{ answer: 'Success', meteringRecordId: 'mr' },
  ...over,
});
const call = (over: Partial<SightedCall> = {}): SightedCall => ({
  ...{ eventId: 'event', operation: 'BatchMeterUsage', region: 'us-east-1', at: new Date('2026-11-11T11:00:00Z') },
  ...{ requestId: 'request', attemptId: null, productCode: null, errorCode: null, entries: [entry()] },
  ...over,
});
const record = (over: Partial<LedgerRecord> = {}): LedgerRecord => ({
  ...{ id: 'r1', productCode: 'larkspur', identity: license, dimension: 'requests', hour: HOUR },
  ...{ region: 'us-east-1', isStanding: true },
  ...over,
});
const ledger = (over: Partial<LedgerExcerpt> = {}): LedgerExcerpt => ({
  attempts: [{ id: 'a1', requestId: 'other', recordIds: ['r1'] }],
  records: [record()],
  ...over,
});
const legacy = { kind: 'account', digest: 'd2' } as const;

describe('which record a call was about', () => {
  it.each<[string, SightedCall, LedgerExcerpt, [string, string | null, string] | null]>([
    ['by the attempt in the user agent', call({ attemptId: 'a1' }), ledger(), ['r1', 'a1', 'attempt']],
    ['by the request of an attempt', call({ requestId: 'other' }), ledger(), ['r1', 'a1', 'requestId']],
    ['by content', call(), ledger(), ['r1', null, 'content']],
    ['by content where the attempt is another ledger’s', call({ attemptId: 'a9' }), ledger(), ['r1', null, 'content']],
    [
      'of an annulled record by its attempt alone',
      call({ attemptId: 'a1' }),
      ledger({ records: [record({ isStanding: false }), record({ id: 'r2' })] }),
      ['r1', 'a1', 'attempt'],
    ],
    [
      'by content never of an annulled one',
      call(),
      ledger({ records: [record({ isStanding: false }), record({ id: 'r2' })] }),
      ['r2', null, 'content'],
    ],
    ['another dimension', call({ entries: [entry({ dimension: 'storage' })] }), ledger(), null],
    ['another hour', call({ entries: [entry({ hour: new Date('2026-11-11T09:00:00Z') })] }), ledger(), null],
    ['another license', call({ entries: [entry({ identities: [{ ...license, digest: 'd9' }] })] }), ledger(), null],
    ['another region', call({ region: 'eu-west-1' }), ledger(), null],
    ['another product', call({ productCode: 'other' }), ledger(), null],
    ['the product named', call({ productCode: 'larkspur' }), ledger(), ['r1', null, 'content']],
    [
      'either name of a legacy buyer',
      call({ entries: [entry({ identities: [{ kind: 'customerIdentifier', digest: 'c' }, legacy] })] }),
      ledger({ records: [record({ identity: legacy })] }),
      ['r1', null, 'content'],
    ],
    [
      'a record of MeterUsage by its attempt, whoever signed',
      call({ operation: 'MeterUsage', attemptId: 'a1', entries: [entry({ identities: [] })] }),
      ledger(),
      ['r1', 'a1', 'attempt'],
    ],
    [
      'of two licenses in one attempt its own',
      call({ attemptId: 'a1' }),
      ledger({
        attempts: [{ id: 'a1', requestId: null, recordIds: ['r0', 'r1'] }],
        records: [record({ id: 'r0', identity: { ...license, digest: 'd0' } }), record()],
      }),
      ['r1', 'a1', 'attempt'],
    ],
    [
      'by content where neither call nor attempt has a request id',
      call({ requestId: null }),
      ledger({ attempts: [{ id: 'a1', requestId: null, recordIds: ['r1'] }] }),
      ['r1', null, 'content'],
    ],
    [
      'by content where a record of the attempt is not among those looked up',
      call({ attemptId: 'a1' }),
      ledger({ attempts: [{ id: 'a1', requestId: null, recordIds: ['r9'] }] }),
      ['r1', null, 'content'],
    ],
    [
      'a name of another kind with the same digest',
      call({ entries: [entry({ identities: [{ kind: 'account', digest: license.digest }] })] }),
      ledger(),
      null,
    ],
    [
      'another record than those of the attempt: not ours by its id',
      call({ attemptId: 'a1', entries: [entry({ dimension: 'storage' })] }),
      ledger({ records: [record(), record({ id: 'r2', dimension: 'storage' })] }),
      ['r2', null, 'content'],
    ],
  ])('%s', (_, given, known, expected) => {
    const { byRecord, strangers } = sightingsOf([given], known);
    const found = [...byRecord].flatMap(([id, answers]) =>
      answers.map(({ attemptId, source }) => [id, attemptId, source.matchedBy]),
    );
    expect(found).toEqual(expected === null ? [] : [expected]);
    expect(strangers).toEqual(expected === null ? [{ call: given, entry: given.entries[0] }] : []);
  });

  it('gathers all that is said of a record, with the error where there is one', () => {
    const { byRecord } = sightingsOf(
      [call({ attemptId: 'a1', errorCode: 'ThrottlingException' }), call({ eventId: 'event-2' })],
      ledger(),
    );
    expect(byRecord.get('r1')?.map(({ answer }) => answer)).toEqual([
      { kind: 'error', code: 'ThrottlingException' },
      { kind: 'status', status: 'Success' },
    ]);
  });
});
