import { type LedgerSql } from '../database/ledger-database.js';
import { idsOfLiving } from '../database/alias-ids.sql.js';

/** Text only: the row may come through a DataSource of the host, whose type parsers are the host's. */
export interface CodeRow {
  /** The living subscription: a folded one stands for what it lives on in. */
  subscription_id: string;
  product_code: string;
  offer_type: string | null;
  expires_at_ms: string;
  /**
   * The tenant that has the subscription by its latest claim, of the subscription or of one that was folded into it.
   */
  tenant_id: string | null;
  /** The tenant that claimed with this very code. */
  claimed_by: string | null;
  /** `true`: a claim with this very code was undone by an operator. */
  was_undone: string;
  /** Hex digits; null for a code that is bound to no browser. */
  browser_hash: string | null;
}

export async function selectCode(
  tx: LedgerSql,
  sellerAccount: string,
  codeHash: Buffer,
  now: Date,
): Promise<CodeRow | null> {
  const [row] = await tx.query<CodeRow>(
    `SELECT s.id::text AS subscription_id, s.product_code, c.offer_type, encode(c.browser_hash, 'hex') AS browser_hash,
       (extract(epoch FROM c.expires_at) * 1000)::bigint::text AS expires_at_ms,
       (SELECT l.tenant_id FROM marketplace.claim l
        WHERE l.seller_account = $1 AND l.subscription_id = ANY (${idsOfLiving('subscription', 's.id')})
            AND l.undone_at IS NULL AND l.since <= $3::timestamptz
        ORDER BY l.since DESC LIMIT 1) AS tenant_id,
       (SELECT l.tenant_id FROM marketplace.claim l
        WHERE l.seller_account = $1 AND l.subscription_id IN (c.subscription_id, s.id)
          AND l.code_hash = $2::bytea AND l.undone_at IS NULL) AS claimed_by,
       EXISTS (SELECT FROM marketplace.claim l
        WHERE l.seller_account = $1 AND l.subscription_id IN (c.subscription_id, s.id)
          AND l.code_hash = $2::bytea AND l.undone_at IS NOT NULL)::text AS was_undone
     FROM marketplace.registration_code c
     JOIN marketplace.subscription named ON named.seller_account = c.seller_account AND named.id = c.subscription_id
     JOIN marketplace.subscription s ON s.seller_account = c.seller_account
       AND s.id = coalesce(named.alias_of, named.id)
     WHERE c.seller_account = $1 AND c.code_hash = $2::bytea`,
    [sellerAccount, codeHash, now.toISOString()],
  );
  return row ?? null;
}

export async function insertCode(
  tx: LedgerSql,
  sellerAccount: string,
  code: {
    codeHash: Buffer;
    subscriptionId: string;
    tokenHash: Buffer;
    browserHash: Buffer | null;
    offerType: string | null;
    createdAt: Date;
    expiresAt: Date;
  },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.registration_code (seller_account, code_hash, subscription_id, token_hash,
      browser_hash, offer_type, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      sellerAccount,
      code.codeHash,
      code.subscriptionId,
      code.tokenHash,
      code.browserHash,
      code.offerType,
      code.createdAt.toISOString(),
      code.expiresAt.toISOString(),
    ],
  );
}

/** The subscription that a token was resolved to since `since`, as it lives. */
export async function selectSubscriptionOfToken(
  tx: LedgerSql,
  sellerAccount: string,
  tokenHash: Buffer,
  { since, now }: { since: Date; now: Date },
): Promise<{ id: string; product_code: string; tenant_id: string | null } | null> {
  const [row] = await tx.query<{ id: string; product_code: string; tenant_id: string | null }>(
    `SELECT s.id::text AS id, s.product_code,
       (SELECT l.tenant_id FROM marketplace.claim l
        WHERE l.seller_account = $1 AND l.subscription_id = ANY (${idsOfLiving('subscription', 's.id')})
            AND l.undone_at IS NULL AND l.since <= $4
        ORDER BY l.since DESC LIMIT 1) AS tenant_id
     FROM marketplace.registration_code c
     JOIN marketplace.subscription named ON named.seller_account = c.seller_account AND named.id = c.subscription_id
     JOIN marketplace.subscription s ON s.seller_account = c.seller_account
       AND s.id = coalesce(named.alias_of, named.id)
     WHERE c.seller_account = $1 AND c.token_hash = $2 AND c.created_at > $3
     ORDER BY c.created_at LIMIT 1`,
    [sellerAccount, tokenHash, since.toISOString(), now.toISOString()],
  );
  return row ?? null;
}

/**
 * The first claim of a subscription counts from its beginning, so two tenants mean the same key: of two the second
 * waits here for the first to commit, and then writes nothing. No row of ours is locked, and nothing of ours waits for
 * this one: it may stand in a host's open transaction.
 */
export async function insertClaim(
  tx: LedgerSql,
  sellerAccount: string,
  claim: { subscriptionId: string; productCode: string; tenantId: string; codeHash: Buffer; at: Date },
): Promise<boolean> {
  const rows = await tx.query(
    `WITH claimed AS (
       INSERT INTO marketplace.claim (seller_account, subscription_id, product_code, tenant_id, since, code_hash,
         claimed_at)
       VALUES ($1, $2::uuid, $3, $4, '-infinity', $5::bytea, $6::timestamptz) ON CONFLICT DO NOTHING
         RETURNING seller_account, subscription_id, since
     )
     INSERT INTO marketplace.unadopted_claim (seller_account, subscription_id, since) SELECT * FROM claimed
       RETURNING subscription_id`,
    [sellerAccount, claim.subscriptionId, claim.productCode, claim.tenantId, claim.codeHash, claim.at.toISOString()],
  );
  return rows.length > 0;
}

export interface AccountAgreement {
  license_arn: string | null;
  agreement_id: string | null;
}

/** Agreements of an AWS account at a product that are not over, each with a license that the API takes. */
export function selectAgreementsOfAccount(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  accountDigest: string,
): Promise<AccountAgreement[]> {
  return tx.query<AccountAgreement>(
    `SELECT (SELECT min(coalesce(n.name, n.event_form)) FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = a.id AND n.kind = 'license') AS license_arn,
       (SELECT min(n.name) FROM marketplace.agreement_name n
        WHERE n.seller_account = $1 AND n.agreement_id = a.id AND n.kind = 'agreement') AS agreement_id
     FROM marketplace.buyer_name b
     JOIN marketplace.agreement a ON a.seller_account = $1 AND a.buyer_id = b.buyer_id AND a.alias_of IS NULL
     JOIN marketplace.subscription s ON s.seller_account = $1 AND s.id = a.subscription_id
     WHERE b.seller_account = $1 AND b.product_code = $2 AND b.kind = 'account' AND b.digest = decode($3, 'hex')
       AND s.state NOT IN ('ended', 'failed') AND coalesce(s.current_agreement_id, a.id) = a.id`,
    [sellerAccount, productCode, accountDigest],
  );
}

/** Whether any agreement of a product has a license: then its buyers are told apart by licenses. */
export async function hasLicenses(tx: LedgerSql, sellerAccount: string, productCode: string): Promise<boolean> {
  const rows = await tx.query(
    `SELECT FROM marketplace.agreement a
     JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.agreement_id = a.id AND n.kind = 'license'
     WHERE a.seller_account = $1 AND a.product_code = $2 LIMIT 1`,
    [sellerAccount, productCode],
  );
  return rows.length > 0;
}

/** A buyer waits in front of a page: better an answer to try again than one that never comes. */
export async function limitLockWait(tx: LedgerSql): Promise<void> {
  await tx.query(`SET LOCAL lock_timeout = '5s'`);
}
