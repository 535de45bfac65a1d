import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';

/**
 * One process at a time reads the log: calls are rationed, and two that read the same would learn the same. Should a
 * lease run out under its holder, both read on, and nothing is settled twice: that is for the records' own locks.
 */
@Injectable()
export class AuditLease {
  private readonly token = randomUUID();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
  ) {}

  /** @returns whether this process holds it now, for `submission.leaseMs` from now */
  async take(): Promise<boolean> {
    const { sellerAccount, submission } = this.options;
    const rows = await this.database.query(
      `INSERT INTO marketplace.audit_lease AS l (seller_account, lease_token, lease_until)
       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (seller_account) DO UPDATE SET lease_token = excluded.lease_token, lease_until = excluded.lease_until
         WHERE l.lease_token = excluded.lease_token OR l.lease_until < clock_timestamp()
       RETURNING 1`,
      [sellerAccount, this.token, submission.leaseMs],
    );
    return rows.length > 0;
  }

  async release(): Promise<void> {
    await this.database.query(`DELETE FROM marketplace.audit_lease WHERE seller_account = $1 AND lease_token = $2`, [
      this.options.sellerAccount,
      this.token,
    ]);
  }
}
