import { Inject, Injectable } from '@nestjs/common';
import { type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { markCustomersChanged } from '../../subscription/chain/customer-changed.sql.js';
import { type LockedRecord } from '../settlement/metering-record.sql.js';
import { type BlockedReason, CAUSE_SCOPE, type CauseScope } from '../settlement/record-outcome.js';
import {
  customersWaitingFor,
  deleteCause,
  insertCause,
  isRefusedAlone,
  type QuarantinedCause,
  wasJudgedLately,
  wasTakenAfter,
} from './quarantine.sql.js';

const KEY_OF: Record<CauseScope, (record: LockedRecord, reason: BlockedReason) => string | null> = {
  product: (record) => record.product_code,
  dimension: (record) => record.dimension,
  identity: (record) => record.identity_id,
  reason: (_record, reason) => reason,
};

/** The cause that AWS's refusal of a record speaks of, or null where the fault lies in the one record only. */
export function causeOf(record: LockedRecord, reason: BlockedReason): QuarantinedCause | null {
  const scope = CAUSE_SCOPE[reason];
  const key = scope === undefined ? null : KEY_OF[scope](record, reason);
  return scope === undefined || key === null ? null : { product_code: record.product_code, scope, key, reason };
}

/**
 * The refused records of a cause, and no others: of which AWS takes some. `REFUSED_AS` has the same key for a record.
 */
function refusedOf({ product_code: productCode, scope, key, reason }: QuarantinedCause): QuarantinedCause {
  return { product_code: productCode, scope: 'reason', key: scope === 'product' ? reason : `${reason}/${key}`, reason };
}

/**
 * Causes whose records AWS refuses as a whole. Their records stay out of the batches of others; one of them at a time
 * is tried alone, ever more rarely, and the first that passes sets all free. Where nothing but the refusal is in common,
 * records that come after are sent as ever, and of the refused ones each has its turn. So it is where AWS has judged
 * another record of the cause within the last interval, refuses the same buyer alone already, or has taken later usage of
 * another agreement under the same account: the refused one is at fault itself, and those that AWS takes would wait for
 * a probe each time that it is tried again.
 */
@Injectable()
export class Quarantine {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly alerts: AlertBoard,
  ) {}

  /** @param record that was refused */
  async impose(tx: LedgerSql, found: QuarantinedCause, record: LockedRecord): Promise<void> {
    const { sellerAccount, submission } = this.options;
    const isOwn =
      found.scope !== 'reason' &&
      ((await wasJudgedLately(tx, sellerAccount, found, submission.probeIntervalMs)) ||
        (found.scope === 'identity'
          ? await wasTakenAfter(tx, record)
          : await isRefusedAlone(tx, sellerAccount, refusedOf(found), record)));
    const cause = isOwn ? refusedOf(found) : found;
    await insertCause(tx, sellerAccount, cause, submission.probeIntervalMs);
    // What it has blocked has alerts of its own; other records of the product go out as ever.
    if (cause.scope === 'reason') return;
    // An identity is named by its row: the license or the account that it stands for has no place in an alert.
    const what = cause.scope === 'identity' ? `metering identity ${cause.key}` : `${cause.scope} ${cause.key}`;
    await this.alerts.raise(tx, {
      kind: 'quarantinedCause',
      subject: subjectOf(cause),
      severity: 'critical',
      message:
        `AWS refuses usage of ${what} of product ${cause.product_code} (${cause.reason}). ` +
        'Its records are set aside and tried one at a time; they are sent by themselves once AWS takes one. ' +
        'Resolve the cause before their deadline.',
      details: { ...cause },
    });
  }

  async lift(tx: LedgerSql, cause: QuarantinedCause): Promise<void> {
    const { sellerAccount } = this.options;
    await deleteCause(tx, sellerAccount, cause);
    await markCustomersChanged(tx, sellerAccount, await customersWaitingFor(tx, sellerAccount, cause));
    if (cause.scope !== 'reason') await this.alerts.resolve(tx, 'quarantinedCause', subjectOf(cause));
  }
}

function subjectOf(cause: QuarantinedCause): string {
  return `${cause.product_code}/${cause.scope}/${cause.key}`;
}
