import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type Alert } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type LockedRecord, type UnitsWhereabouts, whereaboutsOfUnits } from './metering-record.sql.js';
import { nameOf, noticeOf } from './record-notice.js';

/**
 * AWS has billed what the ledger had closed: the incident names the units, and where they went if they were planned
 * anew.
 */
@Injectable()
export class OverBilling {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly outbox: Outbox,
  ) {}

  /** Tells the host in the given transaction. @returns the alert that is to be raised in it */
  async tell(tx: LedgerSql, record: LockedRecord, now: Date): Promise<Alert> {
    const payload = { ...noticeOf(record, record.reason), disposition: record.disposition ?? 'held' };
    await this.outbox.append(tx, [
      {
        type: 'metering.overBilled',
        subscriptionId: record.subscription_id,
        recordId: record.id,
        occurredAt: now,
        payload,
      },
    ]);
    const places =
      record.disposition === 'annulled' ? await whereaboutsOfUnits(tx, this.options.sellerAccount, record.id) : [];
    const went =
      record.disposition === 'annulled'
        ? `Its units went to: ${places.map(placeOf).join('; ') || 'nothing, it had none'}. Where AWS takes them ` +
          'again the buyer pays twice'
        : 'The ledger counts its units as not billed';
    return {
      kind: 'overBilled',
      subject: record.id,
      severity: 'critical',
      message:
        `AWS has billed ${nameOf(record)}, but the record was closed as ${record.disposition ?? 'held'} ` +
        `(${record.reason ?? 'no reason'}). ` +
        `${went}: compare with AWS's bill, and refund through AWS Marketplace what is there twice.`,
      details: {
        recordId: record.id,
        subscriptionId: record.subscription_id,
        disposition: record.disposition,
        quantity: record.quantity,
        whereabouts: places.map((place) => ({
          recordId: place.record_id,
          hour: place.hour?.toISOString() ?? null,
          state: place.state,
          disposition: place.disposition,
          waitingReason: place.waiting_reason,
          units: place.units,
        })),
      },
    };
  }
}

function placeOf(place: UnitsWhereabouts): string {
  if (place.record_id === null) return `${place.units} waiting (${place.waiting_reason ?? 'not planned yet'})`;
  const hour = place.hour === null ? '' : ` of the hour ${place.hour.toISOString()}`;
  return `${place.units} in record ${place.record_id}${hour}, ${place.disposition ?? place.state ?? ''}`;
}
