import { type TrailIdentityKind } from './trail-sighting.js';
import { byText } from '../runtime/order.js';

/** A `Success` of AWS's log, of one hour. */
export interface TakenEntry {
  eventId: string;
  /** Null: a license of no product of ours. */
  productCode: string | null;
  kind: TrailIdentityKind;
  digest: string;
  /** Of the buyer's account, where it is known: digest. */
  account: string | null;
  region: string;
  dimension: string;
  quantity: number;
  meteringRecordId: string | null;
  /** Its request named license and product code together: AWS bills both [SDK-M]. */
  isNamedTwice: boolean;
  /** Of a call of MeterUsage of ours: the record that it was about. */
  recordId: string | null;
  /** Sent by a resource that this ledger never sent from about that time: another installation in the buyer's account. */
  isOthers: boolean;
  at: Date;
}

/** A standing record of the ledger, of that hour. */
export interface StandingRecord {
  id: string;
  productCode: string;
  kind: TrailIdentityKind;
  digest: string;
  region: string;
  dimension: string;
  state: string;
  /** As it counts: what is on file at AWS, where that is another system's. */
  quantity: number;
}

/**
 * What AWS bills and the ledger does not account for. `unknownUsage`: no record of ours is there. `otherQuantity`:
 * other units are on file than we count. `twoIdentities`: one buyer pays one hour under two names, `twoRegions`: in two
 * regions; AWS bills each.
 */
export type IncidentKind = 'unknownUsage' | 'otherQuantity' | 'twoIdentities' | 'twoRegions';

export interface Incident {
  kind: IncidentKind;
  productCode: string;
  dimension: string;
  /** What AWS has: units, its id, and where that stands. */
  taken: {
    eventId: string;
    meteringRecordId: string | null;
    region: string;
    identity: TrailIdentityKind;
    units: number;
  }[];
  /** What the ledger has in that place. */
  recordId: string | null;
  ledgerUnits: number | null;
}

/** What an hour comes to, per product and dimension. */
export interface HourTotal {
  productCode: string;
  dimension: string;
  /** Of AWS's log: each grain once, its first `Success`. */
  awsUnits: number;
  awsRecords: number;
  /** Of the ledger: what counts as metered. */
  ledgerUnits: number;
  ledgerRecords: number;
}

export interface HourComparison {
  totals: HourTotal[];
  incidents: Incident[];
  /** Records that AWS took of other products of the account, or from other installations in it. */
  elsewhere: number;
}

/**
 * Compares one hour of the log with the ledger. Pure. AWS keeps the first record of a grain (region, identity,
 * dimension, hour): what comes later with the same units is a repetition.
 */
export function compareHour(
  entries: readonly TakenEntry[],
  records: readonly StandingRecord[],
  products: ReadonlySet<string>,
): HourComparison {
  const incidents: Incident[] = [];
  const totals = new Map<string, HourTotal>();
  const totalOf = (productCode: string, dimension: string): HourTotal => {
    const key = JSON.stringify([productCode, dimension]);
    const total = totals.get(key) ?? {
      ...{ productCode, dimension, awsUnits: 0, awsRecords: 0, ledgerUnits: 0, ledgerRecords: 0 },
    };
    totals.set(key, total);
    return total;
  };
  for (const { productCode, dimension, state, quantity } of records) {
    if (state !== 'metered') continue;
    const total = totalOf(productCode, dimension);
    total.ledgerUnits += quantity;
    total.ledgerRecords += 1;
  }
  const ours = entries.filter((entry): entry is OwnEntry => products.has(entry.productCode ?? '') && !entry.isOthers);
  const bills = onceEach(ours, records);
  const firsts: OwnEntry[] = [];
  for (const grain of groupsOf(bills, ({ region, productCode, kind, digest, dimension }) => [
    ...[region, productCode, kind, digest, dimension],
  ])) {
    grain.sort((a, b) => a.at.getTime() - b.at.getTime() || byText(a.eventId, b.eventId));
    const [first] = grain;
    firsts.push(first);
    const total = totalOf(first.productCode, first.dimension);
    total.awsUnits += first.quantity;
    total.awsRecords += 1;
    const record = records.find((one) => isInGrain(one, first));
    const others = grain.filter(({ quantity }) => quantity !== first.quantity);
    if (record === undefined) {
      if (first.quantity > 0) incidents.push(incidentOf('unknownUsage', [first], null));
    } else if (others.length > 0 || (record.state === 'metered' && record.quantity !== first.quantity)) {
      incidents.push(incidentOf('otherQuantity', [first, ...others], record));
    } else if (record.state === 'closed' && first.quantity > 0) {
      incidents.push(incidentOf('unknownUsage', [first], record));
    }
  }
  const billed = firsts.filter(({ quantity }) => quantity > 0);
  for (const same of groupsOf(billed, ({ productCode, account, dimension }) => [productCode, account, dimension])) {
    const isTwo = same[0].account !== null && new Set(same.map(({ kind }) => kind)).size > 1;
    if (isTwo || same.some(({ isNamedTwice }) => isNamedTwice)) incidents.push(incidentOf('twoIdentities', same, null));
  }
  for (const same of groupsOf(billed, (entry) => [entry.productCode, entry.kind, entry.digest, entry.dimension])) {
    if (new Set(same.map(({ region }) => region)).size > 1) incidents.push(incidentOf('twoRegions', same, null));
  }
  return { totals: [...totals.values()], incidents, elsewhere: entries.length - ours.length };
}

type OwnEntry = TakenEntry & { productCode: string };

/**
 * One id is one bill: AWS answers the second of two equal records, under two names of one buyer, with the id of the
 * first. It counts where the ledger has it.
 */
function onceEach(entries: readonly OwnEntry[], records: readonly StandingRecord[]): OwnEntry[] {
  const ordered = [...entries].sort((a, b) => a.at.getTime() - b.at.getTime());
  return groupsOf(ordered, ({ eventId, productCode, dimension, quantity, meteringRecordId }) => [
    ...[productCode, dimension, quantity, meteringRecordId ?? { eventId }],
  ]).map((same) => same.find((entry) => records.some((record) => isInGrain(record, entry))) ?? same[0]);
}

function isInGrain(record: StandingRecord, entry: OwnEntry): boolean {
  if (entry.recordId !== null) return entry.recordId === record.id;
  const isNamed =
    (record.kind === entry.kind && record.digest === entry.digest) ||
    (entry.kind === 'customerIdentifier' && record.kind === 'account' && record.digest === entry.account);
  return (
    isNamed &&
    record.productCode === entry.productCode &&
    record.region === entry.region &&
    record.dimension === entry.dimension
  );
}

function incidentOf(kind: IncidentKind, taken: readonly OwnEntry[], record: StandingRecord | null): Incident {
  const [first] = taken;
  if (first === undefined) throw new Error('an incident without an entry');
  return {
    kind,
    productCode: first.productCode,
    dimension: first.dimension,
    taken: taken.map(({ eventId, meteringRecordId, region, kind: identity, quantity }) => ({
      ...{ eventId, meteringRecordId, region, identity, units: quantity },
    })),
    recordId: record?.id ?? null,
    ledgerUnits: record === null ? null : record.state === 'metered' ? record.quantity : 0,
  };
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => readonly unknown[]): [T, ...T[]][] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = JSON.stringify(keyOf(item));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
