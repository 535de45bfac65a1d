import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import {
  deleteUnproven,
  insertUnproven,
  listUnproven,
  lockProofCursor,
  moveHorizon,
  moveProofCursor,
  type UnprovenRollupRow,
} from './deep-proof.sql.js';
import { compareRollups, type UnprovenRow } from './ledger-balance.sql.js';

/** How often new rollups are looked for. Machine milliseconds. */
export const PROOF_INTERVAL_MS = 300_000;
/** Rollups in one transaction, and transactions in one run. */
const PIECE = 500;
const PIECES_MAX = 200;
const RECHECKED_MAX = 100;

/**
 * Invariant I10, its deepest part: each rollup is compared once with the events that it lists. One look-up per event,
 * so it is done once, when the rollup's hour is taken, by one replica, in bounded pieces. What does not agree is noted:
 * no claim sends its record (`ledgerMismatch`) until it agrees again.
 */
@Injectable()
export class DeepProof {
  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly alerts: AlertBoard,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    await this.database.transaction((tx) => this.recheck(tx));
    for (let piece = 0; piece < PIECES_MAX && !signal.aborted; piece += 1) {
      if (!(await this.database.transaction((tx) => this.provePiece(tx)))) return;
    }
  }

  /** @returns whether there may be more to do now */
  private async provePiece(tx: LedgerSql): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    const cursor = await lockProofCursor(tx, sellerAccount);
    if (cursor === undefined) return false;
    if (cursor.proven_id === cursor.horizon_id) {
      // Where nothing is new, all is proven as of now.
      if (await moveHorizon(tx, sellerAccount)) return true;
      await moveProofCursor(tx, sellerAccount, cursor.proven_id, clock.now());
      return false;
    }
    // Somebody is still at it, a host's open transaction maybe: the next run looks again.
    if (!cursor.is_settled) return false;
    const { proven_id: after, horizon_id: upTo } = cursor;
    const { last, wrong } = await compareRollups(tx, sellerAccount, { after, upTo, hour: null, limit: PIECE });
    if (wrong.length > 0) await this.note(tx, wrong);
    await moveProofCursor(tx, sellerAccount, last ?? upTo, last === null || last === upTo ? clock.now() : null);
    return true;
  }

  private async note(tx: LedgerSql, wrong: readonly UnprovenRow[]): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const ids = wrong.map(({ rollup_id: id }) => id);
    const rows = await insertUnproven(tx, sellerAccount, ids, clock.now());
    for (const row of rows) {
      const sums = wrong.find(({ rollup_id: id }) => id === row.rollup_id);
      if (sums) await this.alerts.raise(tx, rollupAlertOf(row, sums));
    }
  }

  /** What a person has put back agrees again. */
  private async recheck(tx: LedgerSql): Promise<void> {
    const { sellerAccount } = this.options;
    const healed: string[] = [];
    for (const id of await listUnproven(tx, sellerAccount, RECHECKED_MAX)) {
      const after = String(BigInt(id) - 1n);
      const { wrong } = await compareRollups(tx, sellerAccount, { after, upTo: id, hour: null, limit: 1 });
      if (wrong.length === 0) healed.push(id);
    }
    if (healed.length === 0) return;
    await deleteUnproven(tx, sellerAccount, healed);
    await this.alerts.resolve(tx, 'rollupMismatch', healed);
  }
}

function rollupAlertOf(row: UnprovenRollupRow, sums: UnprovenRow): Alert {
  const hour = new Date(row.hour * HOUR_MS).toISOString();
  const fate =
    row.record_id === null
      ? 'It is in no record yet; one that takes it up is not sent'
      : row.state === 'metered'
        ? `Its record ${row.record_id} is billed already: compare it with AWS's bill`
        : `Its record ${row.record_id} is not sent as long as this stands`;
  return {
    kind: 'rollupMismatch',
    subject: row.rollup_id,
    severity: 'critical',
    message:
      `Rollup ${row.rollup_id} (${row.dimension}, hour ${hour}) says ${sums.event_sum}, its events sum to ` +
      `${sums.found_sum ?? 'nothing'}; or their count, instants or owner differ. ${fate}. Rows of the ledger were ` +
      'changed past its triggers: find out which (docs/SAFETY.md, I10) and put them back; then it is compared again ' +
      'by itself, and its record may be requeued.',
    details: { rollupId: row.rollup_id, recordId: row.record_id, says: sums.event_sum, events: sums.found_sum },
  };
}
