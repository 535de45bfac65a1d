import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { Waker } from '../runtime/waker.js';
import { markCustomersChanged } from '../subscription/chain/customer-changed.sql.js';
import { EntitlementAnswers } from './entitlement-answers.js';
import {
  claimWanted,
  deleteWanted,
  releaseWanted,
  selectHolderOfAgreement,
  selectSnapshot,
} from './entitlement.sql.js';

/** Agreements that are asked about at once. */
const AT_ONCE = 8;
const LEASE_MS = 60_000;
/** So many failures one after the other: AWS is away, and the next run tries again. */
const FAILURES_MAX = 8;

/**
 * Asks AWS for the entitlements that hours of contracts wait for. In any number of replicas: each takes what no other
 * is at.
 */
@Injectable()
export class WantedEntitlements {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly answers: EntitlementAnswers,
    private readonly waker: Waker,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const { sellerAccount } = this.options;
    let failures = 0;
    let after = '00000000-0000-0000-0000-000000000000';
    while (!signal.aborted && failures < FAILURES_MAX) {
      const wanted = await claimWanted(this.database, sellerAccount, { limit: AT_ONCE, leaseMs: LEASE_MS, after });
      if (wanted.length === 0) break;
      for (const { agreement_id: id } of wanted) if (id > after) after = id;
      const answered = await Promise.all(wanted.map((one) => this.ask(one.agreement_id, one.customer_id)));
      failures = answered.includes(true) ? 0 : failures + wanted.length;
    }
  }

  /** @returns whether AWS answered */
  private async ask(agreementId: string, customerId: string): Promise<boolean> {
    const { sellerAccount, submission } = this.options;
    const holder = await selectHolderOfAgreement(this.database, sellerAccount, agreementId);
    const known = holder && (await selectSnapshot(this.database, sellerAccount, holder.agreement_id));
    const asked = holder && (await this.answers.ask(holder, known, true));
    const isAnswered = asked !== null && asked.failure === null;
    const isSaid = isAnswered && asked.known?.empty_since === null;
    await this.database.transaction(async (tx) => {
      // An empty answer that does not count yet is asked for again, and what AWS did not answer after a pause; a product
      // that another process lists is left to that at once.
      const hasFailed = asked !== null && asked.failure !== null;
      if (isSaid) await deleteWanted(tx, sellerAccount, agreementId);
      else await releaseWanted(tx, sellerAccount, agreementId, hasFailed ? submission.backoffBaseMs : null);
      if (isAnswered) await markCustomersChanged(tx, sellerAccount, [customerId]);
    });
    // Who waits for more than silence would have it asked again without a pause.
    if (isSaid) this.waker.wake('seal');
    return isAnswered;
  }
}
