import { type LedgerSql } from '../../database/ledger-database.js';
import { clearTimeout, setTimeout } from '../../runtime/real-time.js';
import { renewQuestion } from './reconciliation.sql.js';

/**
 * Renews a lease while `work` runs: a process that was killed holds its buyer up for no longer than any other lease, and
 * the quota may take its time. Should a lease run out all the same, two ask, and hear the same.
 */
export async function whileAsking<T>(
  sql: LedgerSql,
  { sellerAccount, ids, leaseMs }: { sellerAccount: string; ids: readonly string[]; leaseMs: number },
  work: () => Promise<T>,
): Promise<T> {
  let renewing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const renewLater = (): void => {
    timer = setTimeout(() => {
      renewing = renewQuestion(sql, sellerAccount, ids, leaseMs)
        .catch(() => undefined)
        .then(renewLater);
    }, leaseMs / 3);
    timer.unref();
  };
  renewLater();
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    await renewing;
    clearTimeout(timer);
  }
}
