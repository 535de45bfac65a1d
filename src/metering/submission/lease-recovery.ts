import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { type ResolvedOptions } from '../../marketplace-metering.options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { recoverExpiredLeases } from './submission.sql.js';
import { Suspects } from './quarantine.js';

/** Takes back what dead or frozen workers hold. Their attempts stay uncertain: nobody knows how far they came. */
@Injectable()
export class LeaseRecovery {
  private readonly logger = new Logger('MarketplaceSubmission');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly suspects: Suspects,
  ) {}

  async run(): Promise<void> {
    const recovered = await recoverExpiredLeases(this.database, this.options.sellerAccount, this.options.submission);
    if (recovered > 0) this.logger.warn('leases expired: their records wait again, their attempts stay uncertain', { records: recovered });
    await this.suspects.requeueMended();
  }
}
