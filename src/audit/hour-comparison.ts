import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { selectComparedHours, selectStandingRecords, selectTakenEntries } from './hour-comparison.sql.js';
import { compareHour, type HourComparison } from './incident.js';
import { type Interval } from './trail-coverage.js';

/** What was read of the log against the ledger, hour by hour: as much as one hour holds is in memory at a time. */
@Injectable()
export class HourComparisons {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  async *within(interval: Interval): AsyncGenerator<HourComparison & { hour: Date }> {
    const hours = await selectComparedHours(this.database, this.options.sellerAccount, interval);
    for (const hour of hours) yield { hour, ...(await this.of(hour)) };
  }

  async of(hour: Date): Promise<HourComparison> {
    const { sellerAccount, products } = this.options;
    const entries = await selectTakenEntries(this.database, sellerAccount, hour);
    const records = await selectStandingRecords(this.database, sellerAccount, hour);
    return compareHour(entries, records, new Set(products.map(({ productCode }) => productCode)));
  }
}
