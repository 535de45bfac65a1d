import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { deleteAlerts, deleteCodes, deleteDeliveries, emptyMessages, type RetentionStep } from './retention.sql.js';

/** How often it is looked whether something is old enough. Machine milliseconds. */
export const RETENTION_INTERVAL_MS = HOUR_MS;
/** Rows in one transaction, and transactions of one kind in one run: a backlog of years is worked off over hours. */
const PIECE = 500;
const PIECES_MAX = 200;

const STEPS: readonly { option: keyof ResolvedOptions['retention']; what: string; take: RetentionStep }[] = [
  { option: 'messagesMs', what: 'messages', take: emptyMessages },
  { option: 'deliveriesMs', what: 'deliveries', take: deleteDeliveries },
  { option: 'alertsMs', what: 'alerts', take: deleteAlerts },
  { option: 'codesMs', what: 'codes', take: deleteCodes },
];

/** Takes away what evidence does not need and time has passed over: docs/retention.md says what of each table. */
@Injectable()
export class Retention {
  private readonly logger = new Logger('MarketplaceRetention');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  async run(signal?: AbortSignal): Promise<void> {
    const { sellerAccount, clock, retention } = this.options;
    const now = clock.now();
    const taken: Record<string, number> = {};
    for (const { option, what, take } of STEPS) {
      const before = plusMs(now, -retention[option]);
      for (let piece = 0; piece < PIECES_MAX && signal?.aborted !== true; piece += 1) {
        const count = await take(this.database, sellerAccount, before, PIECE);
        if (count > 0) taken[what] = (taken[what] ?? 0) + count;
        if (count < PIECE) break;
      }
    }
    if (Object.keys(taken).length > 0) this.logger.log('what was kept long enough is gone', taken);
  }
}
