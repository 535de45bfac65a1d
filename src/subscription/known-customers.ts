import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../database/ledger-database.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { Waker } from '../runtime/waker.js';
import { digestOf } from './chain/aws-names.js';
import { insertClaim } from './chain/claim.sql.js';
import { askAbout } from './chain/next-ask.sql.js';
import { insertSubjects } from './chain/subject.sql.js';
import { setBilledFrom } from './chain/subscription.sql.js';
import { SubscriptionRegistrar } from './chain/subscription-registrar.js';
import { type KnownCustomer, type KnownCustomerResult, refuseInvalid } from './known-customer.js';

/** What ends a dry run: all that it wrote is rolled back. */
class DryRun extends Error {
  constructor(readonly result: KnownCustomerResult) {
    super('dry run');
  }
}

/** Enters customers from before the module by the same rules as everything else, and asks AWS about them. */
@Injectable()
export class KnownCustomers {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly registrar: SubscriptionRegistrar,
    private readonly waker: Waker,
  ) {}

  async register(
    customers: readonly KnownCustomer[],
    { dryRun = false }: { dryRun?: boolean },
  ): Promise<KnownCustomerResult[]> {
    const results: KnownCustomerResult[] = [];
    for (const customer of customers) results.push(await this.registerOne(customer, dryRun));
    if (dryRun) return results;
    for (const job of ['reconcile', 'inbox', 'seal']) this.waker.wake(job);
    return results;
  }

  private async registerOne(customer: KnownCustomer, dryRun: boolean): Promise<KnownCustomerResult> {
    try {
      refuseInvalid(customer);
      return await this.database.transaction(async (tx) => {
        const result = await this.enter(tx, customer);
        if (dryRun) throw new DryRun(result);
        return result;
      });
    } catch (error) {
      if (error instanceof DryRun) {
        const { subscriptionId, outcome } = error.result;
        return { ...error.result, subscriptionId: outcome === 'registered' ? null : subscriptionId };
      }
      if (!(error instanceof MarketplaceMeteringError)) throw error;
      return { subscriptionId: null, outcome: 'refused', billedFrom: null, error };
    }
  }

  private async enter(tx: LedgerSql, customer: KnownCustomer): Promise<KnownCustomerResult> {
    const { sellerAccount, clock } = this.options;
    const { productCode, tenantId, licenseArn, agreementId, customerAwsAccountId, customerIdentifier, billedFrom } =
      customer;
    const named = { productCode, licenseArn, agreementId, customerAwsAccountId, customerIdentifier };
    const now = clock.now();
    const [before] = await tx.query<{ last: string | null }>(
      `SELECT max(id::text) AS last FROM marketplace.subscription WHERE seller_account = $1 AND product_code = $2`,
      [sellerAccount, productCode],
    );
    // The same customer is the same arrival, however often it is entered.
    const messageId = digestOf(JSON.stringify(named));
    const arrival = { ...named, messageId, offerType: null, fields: {}, since: billedFrom };
    const { id, tenantId: claimedBy } = await this.registrar.arrive(arrival, tx, 'host');
    const last = before?.last ?? null;
    const isNew = last === null || id > last;
    const [row] = await tx.query<{ billed_from: Date | null }>(
      `SELECT billed_from FROM marketplace.subscription WHERE seller_account = $1 AND id = $2`,
      [sellerAccount, id],
    );
    const stood = row?.billed_from ?? null;
    await this.refuseBilled(tx, id, stood, billedFrom);
    await setBilledFrom(tx, sellerAccount, id, billedFrom);
    const isClaimed = tenantId !== undefined && (await this.claim(tx, { id, productCode, tenantId, claimedBy, now }));
    await askAbout(tx, sellerAccount, [id], now);
    const outcome = isNew ? 'registered' : isClaimed || stood === null ? 'linked' : 'unchanged';
    return { subscriptionId: id, outcome, billedFrom, error: null };
  }

  /**
   * The hour is a decision about money: it is made once, and never after something that may be billed was sealed for an hour
   * before it. A dry run bills nothing.
   */
  private async refuseBilled(tx: LedgerSql, id: string, stood: Date | null, billedFrom: Date): Promise<void> {
    if (stood !== null && stood.getTime() !== billedFrom.getTime()) {
      throw new MarketplaceMeteringError(
        'CUSTOMER_INVALID',
        `Subscription ${id} is billed by this module from ${stood.toISOString()}, and stays so: leave billedFrom ` +
          'at that hour.',
      );
    }
    if (stood !== null) return;
    const sealed = await tx.query(
      `SELECT FROM marketplace.metering_record WHERE seller_account = $1 AND subscription_id = $2 AND kind = 'hour'
         AND mode = 'live' AND hour < $3 AND disposition IS DISTINCT FROM 'annulled' LIMIT 1`,
      [this.options.sellerAccount, id, billedFrom.toISOString()],
    );
    if (sealed.length === 0) return;
    throw new MarketplaceMeteringError(
      'CUSTOMER_INVALID',
      `Subscription ${id} has records of hours before ${billedFrom.toISOString()} already: this module bills it ` +
        'from an earlier hour.',
    );
  }

  private async claim(
    tx: LedgerSql,
    about: { id: string; productCode: string; tenantId: string; claimedBy: string | null; now: Date },
  ): Promise<boolean> {
    const { sellerAccount } = this.options;
    const { id: subscriptionId, productCode, tenantId, claimedBy, now } = about;
    if (claimedBy === tenantId) return false;
    const isNew =
      claimedBy === null &&
      (await insertClaim(tx, sellerAccount, { subscriptionId, productCode, tenantId, since: null, at: now }));
    if (!isNew) {
      throw new MarketplaceMeteringError(
        'LINKED_TO_OTHER_TENANT',
        `Subscription ${subscriptionId} is linked to another tenant. Hand it over with ` +
          'SubscriptionService.handOver, if that is meant.',
      );
    }
    await insertSubjects(tx, sellerAccount, [
      { productCode, customerId: null, tenantId, subscriptionId: null },
      { productCode, customerId: null, tenantId, subscriptionId },
    ]);
    return true;
  }
}
