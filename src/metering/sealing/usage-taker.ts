// Sealing, first half: unsealed usage of settled hours becomes rollups.
import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, hourOf, latest, plusMs } from '../../runtime/clock.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { FoldedTake } from './folded-take.js';
import { selectFoldedSubjects } from './folded-usage.sql.js';
import { type DueUsage, dueUsage, prepareTake, subjectsWithEnd, takeUsage, vacuumUnsealed } from './usage-take.sql.js';

/** Pairs of hour and subject, and events, that one transaction takes at most. */
const PAIRS_MAX = 500;
const EVENTS_MAX = 20_000;
/** Dead rows that are worth a VACUUM of our own; below it autovacuum has its turn. */
const VACUUM_AFTER = 100_000;
const MINUTE_MS = 60_000;
/** AWS takes the last hour until one hour after the end; ten minutes of that are kept for freezing and sending it. */
const LAST_HOUR_WAITS_MAX_MS = 50 * MINUTE_MS;

/**
 * With `finalHour: 'atHourEnd'`: who has ended before this instant has their last hour taken, because it is over or
 * because AWS would not take it later.
 */
export function lastHourIsOverBefore(now: Date): Date {
  return latest(hourOf(now), plusMs(now, -LAST_HOUR_WAITS_MAX_MS));
}

/**
 * The first half of sealing: moves unsealed usage of settled hours into rollups, and asks nothing of agreements, modes
 * or state. Any number of replicas may run it at once.
 */
@Injectable()
export class UsageTaker {
  private readonly folded: FoldedTake;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    alerts: AlertBoard,
  ) {
    this.folded = new FoldedTake(options.sellerAccount, alerts);
  }

  /**
   * Takes all that is due now: hours that have settled, and the running hour of whoever has an end in it. @returns how
   * many events were taken
   */
  async run(signal?: AbortSignal): Promise<number> {
    const { sellerAccount, clock, settleDelayMs, finalHour } = this.options;
    const now = clock.now();
    const due = await dueUsage(this.database, sellerAccount, hourOf(plusMs(now, -settleDelayMs)));
    const endedBefore =
      finalHour === 'atOnce'
        ? plusMs(now, -Math.min(settleDelayMs, LAST_HOUR_WAITS_MAX_MS))
        : lastHourIsOverBefore(now);
    const subjects = await subjectsWithEnd(this.database, sellerAccount, plusMs(hourOf(now), -HOUR_MS), endedBefore);
    if (subjects.length > 0)
      due.push(...(await dueUsage(this.database, sellerAccount, plusMs(hourOf(now), HOUR_MS), subjects)));
    const taken = await this.take(due, now, signal);
    if (taken > VACUUM_AFTER) await vacuumUnsealed(this.database);
    return taken;
  }

  /** Takes these pairs, whoever is told to be due. */
  async take(due: readonly DueUsage[], now: Date, signal?: AbortSignal): Promise<number> {
    const pieces = Array.from({ length: Math.ceil(due.length / PAIRS_MAX) }, (_, piece) =>
      due.slice(piece * PAIRS_MAX, (piece + 1) * PAIRS_MAX),
    );
    // Replicas that start together begin at different places; where they meet, one waits for the other and finds
    // nothing.
    const start = Math.floor(Math.random() * pieces.length);
    let taken = 0;
    for (const piece of [...pieces.slice(start), ...pieces.slice(0, start)]) {
      for (let moved = EVENTS_MAX; moved >= EVENTS_MAX && signal?.aborted !== true; taken += moved) {
        moved = await this.takePiece(piece, now);
        crashPoint('take.committed');
      }
    }
    return taken;
  }

  private async takePiece(piece: readonly DueUsage[], now: Date): Promise<number> {
    return this.database.transaction(async (tx) => {
      const moved = await this.moveToRollups(tx, piece, now);
      crashPoint('take.moved');
      return moved;
    });
  }

  private async moveToRollups(tx: LedgerSql, piece: readonly DueUsage[], now: Date): Promise<number> {
    const { sellerAccount } = this.options;
    await prepareTake(tx, now);
    const folded = await selectFoldedSubjects(
      tx,
      sellerAccount,
      piece.map(({ subject }) => subject),
    );
    if (folded.length === 0) return takeUsage(tx, piece, EVENTS_MAX);
    const compared = new Set(folded.map(({ subject }) => subject));
    const plain = piece.filter(({ subject }) => !compared.has(subject));
    const moved = plain.length === 0 ? 0 : await takeUsage(tx, plain, EVENTS_MAX);
    const compareable = piece.filter(({ subject }) => compared.has(subject));
    return Math.max(moved, await this.folded.take(tx, compareable, folded, EVENTS_MAX, now));
  }
}
