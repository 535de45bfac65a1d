import { type LedgerSql } from '../../database/ledger-database.js';
import { type FactType } from '../agreements/agreement-fact.js';

/** A fact as it is entered: what was heard, without names. */
export interface NewFact {
  id: string;
  type: FactType;
  /** Row of the agreement that it names. */
  agreementId: string | null;
  /** The subscription that it speaks of, where the host or the landing page said it. */
  subscriptionId: string | null;
  at: Date;
  heardAt: Date;
  /** The details of its type; `licenseDigest` where it names a license and no agreement. */
  details: Record<string, unknown>;
  origin: string;
  messageId: string;
}

/** Facts are kept as they were first heard: a repeat changes nothing. */
export async function insertFacts(
  tx: LedgerSql,
  sellerAccount: string,
  buyerId: string,
  facts: readonly NewFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await tx.query(
    `INSERT INTO marketplace.fact (seller_account, id, agreement_id, buyer_id, subscription_id, type, at, heard_at,
      details, origin, message_id)
     SELECT $1, id, agreement_id, $2, subscription_id, type, at, heard_at, details, origin, message_id
     FROM jsonb_to_recordset($3::jsonb) AS input (id uuid, agreement_id uuid, subscription_id uuid, type text, at
       timestamptz, heard_at timestamptz,
       details jsonb, origin text, message_id text)
     ON CONFLICT DO NOTHING`,
    [
      sellerAccount,
      buyerId,
      JSON.stringify(
        facts.map(({ agreementId, subscriptionId, heardAt, messageId, ...fact }) => ({
          ...fact,
          agreement_id: agreementId,
          subscription_id: subscriptionId,
          heard_at: heardAt,
          message_id: messageId,
        })),
      ),
    ],
  );
}
