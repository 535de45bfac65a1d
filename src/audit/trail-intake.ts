import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { AuditSettlement } from '../metering/settlement/audit-settlement.service.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { byKey } from '../runtime/order.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { digestOf } from '../subscription/chain/aws-names.js';
import { type TrailEntry, type TrailReading } from './trail-event.js';
import { type SightedCall, type SightedEntry, sightingsOf, type TrailIdentity } from './trail-sighting.js';
import { excerptFor, storeEvents, type StoredEvent } from './trail-store.sql.js';

/** An event that was read, and where it stands: what an event that cannot be read is named by. */
export interface ReadEvent {
  reading: TrailReading;
  place: { id: string; operation: MeteringOperation; region: string; at: Date };
}

/** What was taken in. */
export interface IntakeCount {
  events: number;
  omitted: number;
  unreadable: number;
  /** Records that it settled. */
  settled: number;
  /** Hours of the usage in it, as epoch milliseconds. */
  hours: Set<number>;
}

/** Takes in what the log holds: keeps it, finds the records that it speaks of, and has them settled by it. */
@Injectable()
export class TrailIntake {
  private readonly logger = new Logger('MarketplaceAudit');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly settlement: AuditSettlement,
  ) {}

  /** Harmless when repeated: also an event that is known is held against the ledger again. */
  async take(events: readonly ReadEvent[]): Promise<IntakeCount> {
    const { sellerAccount, clock } = this.options;
    const relevant = events.filter(({ reading }) => reading.kind !== 'other');
    const count = { events: relevant.length, omitted: 0, unreadable: 0, settled: 0, hours: new Set<number>() };
    if (relevant.length === 0) return count;
    const stored = relevant.map(storedEventOf);
    const calls = relevant.flatMap(({ reading }) => (reading.kind === 'call' ? [sightedCallOf(reading.call)] : []));
    await this.database.transaction((tx) => storeEvents(tx, sellerAccount, stored, calls, clock.now()));
    crashPoint('audit.stored');
    const { byRecord } = sightingsOf(calls, await excerptFor(this.database, sellerAccount, calls));
    for (const [recordId, answers] of [...byRecord].sort(byKey)) {
      if ((await this.settlement.settle(recordId, answers)) !== 'same') count.settled += 1;
    }
    for (const event of stored) {
      if (event.content === 'omitted') count.omitted += 1;
      if (event.content !== 'unreadable') continue;
      count.unreadable += 1;
      this.logger.warn(`an event of CloudTrail cannot be read: ${event.why ?? ''}`, { eventId: event.id });
    }
    for (const { entries } of calls) for (const { hour } of entries) count.hours.add(hour.getTime());
    return count;
  }
}

function storedEventOf({ reading, place }: ReadEvent): StoredEvent {
  if (reading.kind !== 'call') {
    const { eventId = null, at = null, why = '' } = reading.kind === 'unreadable' ? reading : {};
    return {
      ...{ id: eventId ?? place.id, operation: place.operation, region: place.region, at: at ?? place.at, why },
      ...{ requestId: null, attemptId: null, errorCode: null, content: 'unreadable' },
    };
  }
  const { eventId: id, operation, region, at, requestId, attemptId, errorCode, content } = reading.call;
  return { id, operation, region, at, requestId, attemptId, errorCode, content, why: null };
}

function sightedCallOf(call: Extract<TrailReading, { kind: 'call' }>['call']): SightedCall {
  const { eventId, operation, region, at, requestId, attemptId, productCode, errorCode } = call;
  const entries = call.entries.map(sightedEntryOf);
  return { eventId, operation, region, at, requestId, attemptId, productCode, errorCode, entries };
}

function sightedEntryOf({ names, ...entry }: TrailEntry): SightedEntry {
  const { licenseId, customerIdentifier, customerAwsAccountId, resource } = names;
  const identity = (kind: TrailIdentity['kind'], name: string | null): TrailIdentity[] =>
    name === null ? [] : [{ kind, digest: digestOf(name) }];
  return {
    ...entry,
    // A license is the only name of its record; a legacy buyer may have two.
    identities:
      licenseId !== null
        ? identity('license', licenseId)
        : [
            ...identity('customerIdentifier', customerIdentifier),
            ...identity('account', customerAwsAccountId),
            ...identity('resource', resource?.replace(/^.*\//, '') ?? null),
          ],
    accountDigest: customerAwsAccountId === null ? null : digestOf(customerAwsAccountId),
  };
}
