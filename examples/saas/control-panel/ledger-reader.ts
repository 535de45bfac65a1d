import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SELLER_ACCOUNT } from './control-panel.tokens.js';

/** A metering record as the ledger holds it, with the tenant that it bills. */
export interface LedgerRecord {
  id: string;
  subscriptionId: string;
  company: string | null;
  licenseArn: string | null;
  kind: 'hour' | 'closing';
  dimension: string;
  hour: Date;
  quantity: string;
  state: string;
  disposition: string | null;
  reason: string | null;
  attempts: number;
}

export interface OpenAlert {
  kind: string;
  severity: 'warning' | 'critical';
  message: string;
  raisedAt: Date;
}

export interface SubscriptionFacts {
  id: string;
  company: string | null;
  state: string;
  licenseArn: string | null;
}

/**
 * Looks into the module's tables, for a view that no customer ever sees. An application has no need to: what it wants to know it asks
 * `MeteringService.balance()` and the admin endpoints.
 */
@Injectable()
export class LedgerReader {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(SELLER_ACCOUNT) private readonly sellerAccount: string,
  ) {}

  /** Newest hour first. Without a subscription, of all. */
  records({ subscriptionId, limit, zeros = false }: { subscriptionId?: string; limit: number; zeros?: boolean }): Promise<LedgerRecord[]> {
    return this.dataSource.query<LedgerRecord[]>(
      `SELECT r.id, r.subscription_id AS "subscriptionId", t.company, r.license_arn AS "licenseArn", r.kind, r.dimension, r.hour,
              r.quantity::text AS quantity, r.state, r.disposition, r.reason, r.attempt_count AS attempts
       FROM marketplace.metering_record r
       JOIN marketplace.subscription s ON s.seller_account = r.seller_account AND s.id = r.subscription_id
       LEFT JOIN larkspur.tenant t ON t.id::text = s.tenant_id
       WHERE r.seller_account = $1 AND ($2::uuid IS NULL OR r.subscription_id = $2) AND ($3 OR r.quantity <> 0)
       ORDER BY r.hour DESC, t.company, r.subscription_id, r.dimension DESC LIMIT $4`,
      [this.sellerAccount, subscriptionId ?? null, zeros, limit],
    );
  }

  /** Of everybody; or those about one subscription, and those that concern all. Their subject is, or starts with, what they are about. */
  alerts(subscriptionId?: string): Promise<OpenAlert[]> {
    return this.dataSource.query<OpenAlert[]>(
      `SELECT kind, severity, message, last_raised_at AS "raisedAt" FROM marketplace.alert
       WHERE seller_account = $1 AND resolved_at IS NULL
         AND ($2::text IS NULL OR starts_with(subject, $2) OR subject !~ '^[0-9a-f]{8}-[0-9a-f]{4}-')
       ORDER BY severity, first_raised_at DESC LIMIT 20`,
      [this.sellerAccount, subscriptionId ?? null],
    );
  }

  async subscriptions(): Promise<SubscriptionFacts[]> {
    return this.dataSource.query<SubscriptionFacts[]>(
      `SELECT s.id, t.company, s.state, s.license_arn AS "licenseArn" FROM marketplace.subscription s
       LEFT JOIN larkspur.tenant t ON t.id::text = s.tenant_id
       WHERE s.seller_account = $1 AND s.merged_into IS NULL ORDER BY s.registered_at`,
      [this.sellerAccount],
    );
  }
}
