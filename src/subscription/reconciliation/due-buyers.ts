import { type LedgerDatabase } from '../../database/ledger-database.js';
import { type AskingTimes, selectDue, takeBuyer } from './reconciliation.sql.js';

/** Subscriptions looked up at once, and those of them among which the next buyer is taken. */
const DUE_MAX = 500;
const AMONG_MAX = 20;

export interface DueBuyersOptions {
  sellerAccount: string;
  productCodes: readonly string[];
  leaseMs: number;
  times: () => AskingTimes;
}

/**
 * The buyers about whom AWS is to be asked in one run, one after the other. One turn each: what AWS cannot settle now
 * is asked about at the next run, not in a circle. All subscriptions are looked over once in five hundred turns.
 */
export class DueBuyers {
  private readonly had = new Set<string>();
  private due: string[] = [];

  constructor(
    private readonly database: LedgerDatabase,
    private readonly options: DueBuyersOptions,
  ) {}

  /** Takes the subscriptions of the next buyer, for as long as the lease; null where nobody is left. */
  async take(): Promise<string[] | null> {
    const { sellerAccount, productCodes, leaseMs, times } = this.options;
    for (;;) {
      this.due = this.due.filter((id) => !this.had.has(id));
      if (this.due.length === 0) {
        const page = { except: [...this.had], limit: DUE_MAX };
        this.due = await selectDue(this.database, sellerAccount, productCodes, times(), page);
      }
      const among = this.due.slice(0, AMONG_MAX);
      if (among.length === 0) return null;
      const ids = await this.database.transaction((tx) =>
        takeBuyer(tx, sellerAccount, productCodes, times(), { leaseMs, among }),
      );
      // Where none of them is to be had, another replica asks about them, or they have been answered meanwhile.
      for (const id of ids.length > 0 ? ids : among) this.had.add(id);
      if (ids.length > 0) return ids;
    }
  }
}
