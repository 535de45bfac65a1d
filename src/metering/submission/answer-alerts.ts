import { Inject, Injectable } from '@nestjs/common';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { type SqlExecutor } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type LockedRecord, type UnitsWhereabouts, whereaboutsOfUnits } from '../settlement/metering-record.sql.js';
import { nameOf, noticeOf } from '../settlement/record-notice.js';
import { type Settled } from './settled-answer.js';

/** What a person is told of an answer. */
@Injectable()
export class AnswerAlerts {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly alerts: AlertBoard,
    private readonly outbox: Outbox,
  ) {}

  async raise(
    tx: SqlExecutor,
    { productCode, region }: { productCode: string; region: string },
    answer: GatewayAnswer,
    settled: readonly Settled[],
    now: Date,
  ): Promise<void> {
    const place = `${productCode}/${region}`;
    const alerts = settled.flatMap(({ record, outcome }) =>
      outcome.step.to === 'blocked' ? [blockedAlertOf(record, outcome.step)] : [],
    );
    for (const { record, outcome } of settled)
      if (outcome.overBilled) alerts.push(await this.overBilling(tx, record, now));
    if (answer.kind === 'failed' && answer.failure.kind === 'setUp') {
      alerts.push({
        kind: 'setupError',
        subject: place,
        severity: 'critical',
        message:
          `AWS takes no usage of product ${productCode} in ${region} (${answer.failure.code}: ` +
          `${answer.failure.message}). Nothing is lost yet; ` +
          'mend credentials, permission, region or network before the deadlines of the waiting records.',
      });
    }
    const bySubject = new Map(alerts.map((alert) => [`${alert.kind} ${alert.subject}`, alert]));
    // In one order, so that two answers that raise the same alerts do not wait for each other in a circle.
    for (const [, alert] of [...bySubject].sort(([a], [b]) => (a < b ? -1 : 1))) await this.alerts.raise(tx, alert);
    if (answer.kind === 'answered') await this.alerts.resolve(tx, 'setupError', place);
  }

  /**
   * AWS has billed what the ledger had closed: the incident names the units, and where they went if they were planned
   * anew.
   */
  private async overBilling(tx: SqlExecutor, record: LockedRecord, now: Date): Promise<Alert> {
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

function blockedAlertOf(record: LockedRecord, step: { reason: string; message: string }): Alert {
  const what = nameOf(record);
  const cutoff = record.cutoff_at.toISOString();
  const details = { recordId: record.id, subscriptionId: record.subscription_id, reason: step.reason };
  switch (step.reason) {
    case 'notSubscribed':
      return {
        kind: 'notSubscribed',
        subject: record.subscription_id ?? record.id,
        severity: 'warning',
        message:
          `AWS did not take ${what}: not subscribed. It is sent again when AWS takes usage of this subscription ` +
          `again before ${cutoff}.`,
        details,
      };
    case 'conflict':
      return {
        kind: 'conflict',
        subject: `${record.subscription_id ?? record.id}/${record.dimension}`,
        severity: 'critical',
        message:
          `AWS did not take ${what}: it has another record for that hour. ${step.message} Find out which quantity ` +
          'is on file.',
        details,
      };
    default:
      return {
        kind: 'blocked',
        subject: `${record.product_code}/${record.dimension}/${step.reason}`,
        severity: 'critical',
        message: `AWS did not take ${what} (${step.message}). Resolve the cause and requeue it before ${cutoff}.`,
        details,
      };
  }
}
