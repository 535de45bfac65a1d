import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type Mismatch, mismatchesOf, mismatchText } from '../balance/record-proof.js';
import { readFootings } from '../balance/record-proof.sql.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { nameOf } from '../settlement/record-notice.js';
import { RecordTransitions } from '../settlement/record-transition.js';
import { type ClaimCandidate } from './claim.sql.js';
import { byText } from '../../runtime/order.js';

/**
 * What no trigger can refuse (triggers that were disabled, a dump loaded over the ledger) is found before it is sent:
 * each record is compared with its rollups and its balance in the transaction that claims it.
 */
@Injectable()
export class ClaimProof {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly transitions: RecordTransitions,
    private readonly alerts: AlertBoard,
  ) {}

  /**
   * Blocks the records that the ledger does not bear out, each with an alert.
   * @param claimed locked
   * @returns the others
   */
  async sift(tx: LedgerSql, claimed: readonly ClaimCandidate[], now: Date): Promise<ClaimCandidate[]> {
    if (claimed.length === 0) return [];
    const footings = await readFootings(
      tx,
      this.options.sellerAccount,
      claimed.map(({ id }) => id),
    );
    const mismatches = new Map(footings.map((footing) => [footing.id, mismatchesOf(footing)]));
    const wrong = claimed.flatMap(({ record }) => {
      const found = mismatches.get(record.id) ?? [];
      return found.length === 0 ? [] : [{ record, found }];
    });
    if (wrong.length === 0) return [...claimed];
    await this.transitions.apply(
      tx,
      wrong.map(({ record, found }) => {
        const message = `The ledger does not bear it out: ${mismatchText(found)}.`;
        return { record, to: { state: 'blocked', reason: 'ledgerMismatch', message } as const };
      }),
      now,
    );
    // In one order, so that two claims do not wait for each other in a circle.
    for (const { record, found } of wrong.sort((a, b) => byText(a.record.id, b.record.id)))
      await this.alerts.raise(tx, mismatchAlertOf(record, found));
    const blocked = new Set(wrong.map(({ record }) => record.id));
    return claimed.filter(({ id }) => !blocked.has(id));
  }
}

function mismatchAlertOf(record: LockedRecord, mismatches: readonly Mismatch[]): Alert {
  return {
    kind: 'ledgerMismatch',
    subject: record.id,
    severity: 'critical',
    message:
      `${nameOf(record)} was not sent: ${mismatchText(mismatches)}. Rows of the ledger were changed past its ` +
      'triggers. Find out which (docs/SAFETY.md, I10) and put them back, then requeue the record if it was right, or ' +
      `annul it to have its usage planned anew, before ${record.cutoff_at.toISOString()}.`,
    details: { recordId: record.id, subscriptionId: record.subscription_id, quantity: record.quantity, mismatches },
  };
}
