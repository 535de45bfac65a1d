import { Injectable } from '@nestjs/common';
import { type GatewayAnswer } from '../../aws/metering-gateway.js';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { OverBilling } from '../settlement/over-billing.js';
import { nameOf } from '../settlement/record-notice.js';
import { CAUSE_SCOPE } from '../settlement/record-outcome.js';
import { callEndOf } from './call-end.js';
import { type Settled } from './settled-answer.js';
import { byKey } from '../../runtime/order.js';

/** What a person is told of an answer. */
@Injectable()
export class AnswerAlerts {
  constructor(
    private readonly alerts: AlertBoard,
    private readonly overBilling: OverBilling,
  ) {}

  async raise(
    tx: LedgerSql,
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
      if (outcome.overBilled) alerts.push(await this.overBilling.tell(tx, record, now));
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
    for (const [, alert] of [...bySubject].sort(byKey)) await this.alerts.raise(tx, alert);
    if (callEndOf(answer) === 'judged') await this.alerts.resolve(tx, 'setupError', place);
  }
}

function isProbed(reason: string): boolean {
  return Object.hasOwn(CAUSE_SCOPE, reason);
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
        message:
          `AWS did not take ${what} (${step.message}). ` +
          (isProbed(step.reason)
            ? `It is tried again by itself, ever more rarely, until ${cutoff}; requeue it to have it tried at once.`
            : `Resolve the cause and requeue it before ${cutoff}.`),
        details,
      };
  }
}
