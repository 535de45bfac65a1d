import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { lockConflicts } from './deadline-watch.sql.js';
import { RecordTransitions } from './record-transition.js';
import { recordsInSharedGrain } from './shared-grain.sql.js';
import { SubmissionHold } from './submission-hold.js';

/** Records in one transaction. */
const CHUNK = 100;

/**
 * A conflict is explained where a record of ours that AWS has taken lies in the same hour, under another name of the
 * same buyer: AWS knew both names as one before we did. The record in conflict was never billed then, and is annulled:
 * its usage goes into the next free hour. Not while any of its attempts is uncertain.
 */
@Injectable()
export class ConflictExplanation {
  private readonly logger = new Logger('MarketplaceResolution');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly transitions: RecordTransitions,
    private readonly hold: SubmissionHold,
  ) {}

  async run(): Promise<void> {
    if (await this.hold.isActive()) return;
    let after: string | null = null;
    do {
      after = await this.explainChunk(after);
    } while (after !== null);
  }

  /** @returns the last id of a full chunk; null where there are no more */
  private explainChunk(after: string | null): Promise<string | null> {
    return this.database.transaction(async (tx) => {
      const records = await lockConflicts(tx, this.options.sellerAccount, after, CHUNK);
      const sharers = await recordsInSharedGrain(
        tx,
        records.map((record) => record.id),
      );
      const explained = records.filter((record) => sharers.get(record.id)?.some((other) => other.state === 'metered'));
      const why = { reason: 'rewritten', isExpired: false, by: null } as const;
      const annulled = await this.transitions.annul(tx, explained, why, this.options.clock.now());
      if (annulled.length > 0)
        this.logger.log('conflicts explained by records of ours: annulled', { records: annulled.length });
      return records.length < CHUNK ? null : (records.at(-1)?.id ?? null);
    });
  }
}
