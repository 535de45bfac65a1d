import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SELLER_ACCOUNT } from './control-panel.tokens.js';

/** A metering record as the ledger holds it, with the tenant that it bills. */
export interface LedgerRecord {
  id: string;
  customerId: string;
  company: string | null;
  kind: 'hour' | 'closing' | 'setApart';
  /** Null where no agreement covers the usage. */
  agreementId: string | null;
  /** The price that its period has; null likewise. */
  price: 'trial' | 'paid' | null;
  /** What AWS knows it by; null for what is never sent. */
  licenseArn: string | null;
  dimension: string;
  /** Null for usage that was set apart: it belongs to no hour. */
  hour: Date | null;
  quantity: string;
  state: string;
  disposition: string | null;
  reason: string | null;
  attempts: number;
}

/** What the periods of an agreement hold beyond their whole units. */
export interface PeriodCarry {
  agreementId: string | null;
  price: 'trial' | 'paid';
  dimension: string;
  included: string;
  carry: string;
}

export interface OpenAlert {
  kind: string;
  severity: 'warning' | 'critical';
  message: string;
  raisedAt: Date;
}

export interface SubscriptionFacts {
  id: string;
  customerId: string;
  tenantId: string | null;
  company: string | null;
  state: string;
  /** Agreement ids and license ARNs, as AWS printed them. */
  names: string[];
}

/** The agreement id of a period, also where two rows turned out to be one agreement. */
const NAME_OF_AGREEMENT = `LATERAL (
  SELECT n.name AS agreement_id FROM marketplace.agreement x
  JOIN marketplace.agreement_name n ON n.seller_account = x.seller_account AND n.agreement_id = x.id AND n.kind = 'agreement'
  WHERE x.seller_account = a.seller_account AND coalesce(x.alias_of, x.id) = coalesce(a.alias_of, a.id) LIMIT 1)`;

/**
 * Looks into the module's tables, for a view that no customer ever sees. An application has no need to: what it wants
 * to know it asks `MeteringService.balance()` and the admin endpoints.
 */
@Injectable()
export class LedgerReader {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(SELLER_ACCOUNT) private readonly sellerAccount: string,
  ) {}

  /** Newest hour first, without those that were annulled. Without customers, of all. */
  records({
    customerIds,
    limit,
    zeros = false,
  }: {
    customerIds?: readonly string[];
    limit: number;
    zeros?: boolean;
  }): Promise<LedgerRecord[]> {
    return this.dataSource.query<LedgerRecord[]>(
      `SELECT r.id, c.id AS "customerId", t.company, r.kind, name.agreement_id AS "agreementId", p.price,
        i.license_arn AS "licenseArn", r.dimension,
              r.hour, r.quantity::text AS quantity, r.state, r.disposition, r.reason, r.attempt_count AS attempts
       FROM marketplace.metering_record r
       LEFT JOIN marketplace.metering_identity i ON i.id = r.identity_id
       LEFT JOIN marketplace.period p ON p.seller_account = r.seller_account AND p.id = r.period_id
       LEFT JOIN marketplace.agreement a ON a.seller_account = r.seller_account AND a.id = p.agreement_id
       LEFT JOIN ${NAME_OF_AGREEMENT} name ON true
       -- Whose it is now: a subscription moves to its tenant's customer when it is claimed.
       LEFT JOIN marketplace.subscription s ON s.seller_account = a.seller_account AND s.id = a.subscription_id
       LEFT JOIN marketplace.subject u ON u.id = r.subject
       JOIN marketplace.customer c ON c.seller_account = r.seller_account
         AND c.id = coalesce(s.customer_id, u.customer_id, r.customer_id)
       LEFT JOIN larkspur.tenant t ON t.id::text = c.tenant_id
       WHERE r.seller_account = $1 AND ($2::uuid[] IS NULL OR c.id = ANY ($2)) AND ($3 OR r.quantity <> 0)
         AND r.disposition IS DISTINCT FROM 'annulled'
       ORDER BY r.hour DESC NULLS FIRST, t.company, c.id, r.dimension DESC, r.id LIMIT $4`,
      [this.sellerAccount, customerIds ?? null, zeros, limit],
    );
  }

  carries(): Promise<PeriodCarry[]> {
    return this.dataSource.query<PeriodCarry[]>(
      `SELECT name.agreement_id AS "agreementId", p.price, b.dimension, b.included::text AS included, b.carry::text AS
        carry
       FROM marketplace.balance b
       JOIN marketplace.period p ON p.seller_account = b.seller_account AND p.id = b.period_id
       JOIN marketplace.agreement a ON a.seller_account = b.seller_account AND a.id = p.agreement_id
       LEFT JOIN ${NAME_OF_AGREEMENT} name ON true
       WHERE b.seller_account = $1`,
      [this.sellerAccount],
    );
  }

  /**
   * Of everybody; or those about some customers, and those that concern all. Their subject names what they are about.
   */
  alerts(customerIds?: readonly string[]): Promise<OpenAlert[]> {
    return this.dataSource.query<OpenAlert[]>(
      `SELECT kind, severity, message, last_raised_at AS "raisedAt" FROM marketplace.alert
       WHERE seller_account = $1 AND resolved_at IS NULL AND (
         $2::uuid[] IS NULL OR subject !~ '^[0-9a-f]{8}-[0-9a-f]{4}-' OR left(subject, 36) IN (
           SELECT id::text FROM marketplace.customer WHERE seller_account = $1 AND id = ANY ($2)
           UNION ALL SELECT id::text FROM marketplace.subscription WHERE seller_account = $1 AND customer_id = ANY ($2)
           UNION ALL SELECT id::text FROM marketplace.metering_record WHERE seller_account = $1
             AND customer_id = ANY ($2)))
       ORDER BY severity, first_raised_at DESC LIMIT 20`,
      [this.sellerAccount, customerIds ?? null],
    );
  }

  async subscriptions(): Promise<SubscriptionFacts[]> {
    return this.dataSource.query<SubscriptionFacts[]>(
      `SELECT s.id, s.customer_id AS "customerId", claim.tenant_id AS "tenantId", t.company, s.state,
              ARRAY (SELECT unnest(ARRAY[n.name, n.event_form]) FROM marketplace.agreement a
                JOIN marketplace.agreement_name n ON n.seller_account = a.seller_account AND n.agreement_id = a.id
                WHERE a.seller_account = s.seller_account AND a.subscription_id = s.id) AS names
       FROM marketplace.subscription s
       -- A claim counts from its commit on; its customer is made a moment later.
       LEFT JOIN LATERAL (
         SELECT tenant_id FROM marketplace.claim WHERE seller_account = s.seller_account AND subscription_id = s.id AND undone_at IS NULL
           ORDER BY since DESC LIMIT 1) claim ON true
       LEFT JOIN larkspur.tenant t ON t.id::text = claim.tenant_id
       WHERE s.seller_account = $1 AND s.alias_of IS NULL ORDER BY s.created_at`,
      [this.sellerAccount],
    );
  }

  /** A tenant has one customer per product. */
  async customersOf(tenantId: string): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM marketplace.customer WHERE seller_account = $1 AND tenant_id = $2`,
      [this.sellerAccount, tenantId],
    );
    return rows.map(({ id }) => id);
  }
}
