import { createHash } from 'node:crypto';
import { type LedgerDatabase } from '../../src/database/ledger-database.js';
import { buyerOf, licenseIdOf, type MarketplaceSimulator } from './market.js';

// The judge's own reading of invariant I1: written from DESIGN alone, it shares no statement with the module. Each
// statement returns what is wrong.

const VIOLATIONS: Readonly<Record<string, string>> = {
  'events = unsealed + rollups, per subject and dimension': `
    SELECT subject, dimension, sum(recorded)::text AS recorded, sum(kept)::text AS kept FROM (
      SELECT subject, dimension, quantity AS recorded, 0 AS kept FROM marketplace.usage_event
      UNION ALL SELECT subject, dimension, 0, quantity FROM marketplace.unsealed_usage
      UNION ALL SELECT subject, dimension, 0, event_sum FROM marketplace.rollup WHERE NOT is_split
    ) AS both_sides GROUP BY subject, dimension HAVING sum(recorded) <> sum(kept)`,
  'each event is unsealed or in one rollup': `
    SELECT e.id, count(p.id) AS places FROM marketplace.usage_event e
    LEFT JOIN (SELECT id FROM marketplace.unsealed_usage
               UNION ALL SELECT unnest(ids) FROM marketplace.rollup_event re JOIN marketplace.rollup r
                 ON r.id = re.rollup_id WHERE NOT r.is_split) p
      ON p.id = e.id
    GROUP BY e.id HAVING count(p.id) <> 1`,
  'a rollup is the sum of its events': `
    SELECT r.id, r.event_sum::text, s.total::text FROM marketplace.rollup r
    LEFT JOIN LATERAL (
      SELECT sum(e.quantity) AS total, count(*) AS number FROM marketplace.rollup_event re, unnest(re.ids) AS i(id)
      JOIN marketplace.usage_event e ON e.id = i.id WHERE re.rollup_id = r.id
    ) s ON true
    WHERE r.event_sum IS DISTINCT FROM s.total OR r.event_count IS DISTINCT FROM s.number`,
  'a standing record is the sum of its rollups': `
    SELECT m.id, m.kind, m.event_sum::text, s.total::text FROM marketplace.metering_record m
    LEFT JOIN LATERAL (
      SELECT coalesce(sum(r.event_sum), 0) AS total, coalesce(sum(r.event_count), 0) AS number
      FROM marketplace.rollup r WHERE r.record_id = m.id AND NOT r.is_split
    ) s ON true
    WHERE CASE WHEN m.disposition = 'annulled' THEN s.number <> 0 ELSE m.event_sum <> s.total
      OR m.event_count <> s.number END`,
  'a balance is the sum over its standing records': `
    SELECT b.period_id, b.dimension, b.event_sum::text, b.quantity::text, b.included::text, s.*
      FROM marketplace.balance b
    FULL JOIN (
      SELECT seller_account, period_id, dimension, sum(event_sum) AS event_sum, sum(coalesce(settled_quantity,
        quantity) * block) AS quantity,
             sum(included) AS included
      FROM marketplace.metering_record WHERE period_id IS NOT NULL AND disposition IS DISTINCT FROM 'annulled'
      GROUP BY seller_account, period_id, dimension
    ) s ON (s.seller_account, s.period_id, s.dimension) = (b.seller_account, b.period_id, b.dimension)
    WHERE (coalesce(b.event_sum, 0), coalesce(b.quantity, 0), coalesce(b.included, 0))
       <> (coalesce(s.event_sum, 0), coalesce(s.quantity, 0), coalesce(s.included, 0))`,
  'no two standing records of one grain': `
    SELECT identity_id, dimension, hour FROM marketplace.metering_record
    WHERE kind = 'hour' AND disposition IS DISTINCT FROM 'annulled' GROUP BY identity_id, dimension, hour, mode
      HAVING count(*) > 1`,
  'a waiting rollup says why': `
    SELECT id, hour FROM marketplace.rollup WHERE record_id IS NULL AND NOT is_split AND waiting_since IS NOT NULL
      AND waiting_reason IS NULL`,
};

/** What is wrong by invariant I1, as the tables say it: each rule with the rows that break it. */
export async function tableViolations(database: LedgerDatabase): Promise<{ rule: string; wrong: unknown[] }[]> {
  const found: { rule: string; wrong: unknown[] }[] = [];
  for (const [rule, statement] of Object.entries(VIOLATIONS)) {
    const wrong = await database.query(statement);
    if (wrong.length > 0) found.push({ rule, wrong });
  }
  return found;
}

export interface MeteredRecord {
  grain: string;
  quantity: number;
  /** Units of usage in each of them. */
  block: number;
  /** `agmt-…`, where the ledger knows the agreement by name. */
  agreementId: string | null;
  price: 'trial' | 'paid';
}

/** What the ledger holds as billed, by AWS's own grain. */
export async function meteredRecords(
  database: LedgerDatabase,
  simulator: MarketplaceSimulator,
): Promise<MeteredRecord[]> {
  const rows = await database.query<{
    product_code: string;
    license_arn: string | null;
    account: string | null;
    customer: string | null;
    resource: string | null;
    dimension: string;
    hour: Date;
    quantity: string;
    block: string;
    agreement: string | null;
    identity_digest: string;
    agreement_digest: string | null;
    price: 'trial' | 'paid';
  }>(
    `WITH named AS MATERIALIZED (
       SELECT DISTINCT ON (a.seller_account, coalesce(a.alias_of, a.id)) a.seller_account,
              coalesce(a.alias_of, a.id) AS agreement_id, n.name, encode(n.digest, 'hex') AS digest
       FROM marketplace.agreement a
       JOIN marketplace.agreement_name n ON n.seller_account = a.seller_account AND n.agreement_id = a.id
       WHERE n.kind = 'agreement'
     )
     SELECT encode(i.digest, 'hex') AS identity_digest, n.digest AS agreement_digest, n.name AS agreement,
            i.product_code, i.license_arn, i.customer_aws_account_id AS account, i.customer_identifier AS customer,
            r.resource_id AS resource, r.dimension, r.hour,
            coalesce(r.settled_quantity, r.quantity) AS quantity, r.block, p.price
     FROM marketplace.metering_record r
     JOIN marketplace.metering_identity i ON i.id = r.identity_id
     JOIN marketplace.period p ON (p.seller_account, p.id) = (r.seller_account, r.period_id)
     LEFT JOIN marketplace.agreement a ON (a.seller_account, a.id) = (p.seller_account, p.agreement_id)
     LEFT JOIN named n ON (n.seller_account, n.agreement_id) = (a.seller_account, coalesce(a.alias_of, a.id))
     WHERE r.state = 'metered'`,
  );
  const namesOf = namesByDigest(simulator);
  return rows.map((row) => {
    const buyer =
      row.resource ??
      buyerOf(simulator, {
        licenseArn: row.license_arn,
        accountId: row.account,
        customerIdentifier: row.customer,
        // Of a buyer who was erased the digest alone is left: it must say who was billed.
        ...((row.license_arn ?? row.account ?? row.customer) === null && namesOf.get(row.identity_digest)),
      });
    const grain = `${row.product_code} ${buyer} ${row.dimension} ${row.hour.toISOString()}`;
    const [quantity, block] = [Number(row.quantity), Number(row.block)];
    return {
      grain,
      quantity,
      block,
      agreementId: row.agreement ?? namesOf.get(row.agreement_digest ?? '')?.agreementId ?? null,
      price: row.price,
    };
  });
}

interface KnownToAws {
  licenseArn?: string;
  accountId?: string;
  customerIdentifier?: string;
  agreementId?: string;
}

/** Whom a digest of the ledger stands for, by what AWS knows. */
function namesByDigest(simulator: MarketplaceSimulator): Map<string, KnownToAws> {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  const known = new Map<string, KnownToAws>();
  for (const { licenseArn, accountId, customerIdentifier, agreementId } of simulator.agreements()) {
    known.set(digest(licenseIdOf(licenseArn)), { licenseArn });
    known.set(digest(accountId), { accountId });
    known.set(digest(agreementId.slice(agreementId.indexOf('-') + 1)), { agreementId });
    if (customerIdentifier !== undefined) known.set(digest(customerIdentifier), { customerIdentifier });
  }
  return known;
}
