import { type LedgerSql } from '../../database/ledger-database.js';
import { type AgreementNameKind, type AwsName } from './aws-names.js';
import { idsOfLiving } from '../../database/alias-ids.sql.js';

/** An agreement found by a name. Ids of rows that turned out to be another are resolved. */
export interface NamedAgreement {
  id: string;
  subscription_id: string;
  product_code: string;
  buyer_id: string | null;
  /** AWS's agreement id of it is known. */
  is_named: boolean;
  kind: AgreementNameKind;
  digest: string;
}

export function selectAgreementsByNames(
  tx: LedgerSql,
  sellerAccount: string,
  names: readonly Pick<AwsName<AgreementNameKind>, 'kind' | 'digest'>[],
): Promise<NamedAgreement[]> {
  return tx.query<NamedAgreement>(
    `SELECT DISTINCT a.id::text AS id, a.subscription_id::text AS subscription_id, a.product_code, a.buyer_id::text AS
      buyer_id,
       EXISTS (SELECT FROM marketplace.agreement_name k WHERE k.seller_account = $1 AND k.agreement_id = a.id
         AND k.kind = 'agreement') AS is_named,
       wanted.kind, wanted.digest
     FROM unnest($2::text[], $3::text[]) AS wanted (kind, digest)
     JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.kind = wanted.kind
       AND n.digest = decode(wanted.digest, 'hex')
     JOIN marketplace.agreement named ON named.seller_account = $1 AND named.id = n.agreement_id
     JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = coalesce(named.alias_of, named.id)
     ORDER BY 1`,
    [sellerAccount, names.map(({ kind }) => kind), names.map(({ digest }) => digest)],
  );
}

/** Fills what was not known before; what stands there stays. The offer alone may change, by an amendment. */
export async function completeAgreement(
  tx: LedgerSql,
  sellerAccount: string,
  id: string,
  known: { buyerId: string | null; productId: string | null; offerId: string | null },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.agreement SET buyer_id = coalesce(buyer_id, $3), product_id = coalesce(product_id, $4),
      offer_id = coalesce($5, offer_id)
     WHERE seller_account = $1 AND id = $2
       AND (buyer_id, product_id, offer_id) IS DISTINCT FROM (coalesce(buyer_id, $3), coalesce(product_id, $4),
         coalesce($5, offer_id))`,
    [sellerAccount, id, known.buyerId, known.productId, known.offerId],
  );
}

/**
 * The first form of a name that is sent stays; an event's form of a license gives way to the one that the API takes.
 */
export async function insertAgreementNames(
  tx: LedgerSql,
  sellerAccount: string,
  agreementId: string,
  names: readonly AwsName<AgreementNameKind>[],
  { isBack = false }: { isBack?: boolean } = {},
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.agreement_name AS n (seller_account, kind, digest, agreement_id, name, event_form)
     SELECT $1, kind, decode(digest, 'hex'), $2, name, event_form
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS input (kind, digest, name, event_form)
     ON CONFLICT (seller_account, kind, digest, agreement_id) DO UPDATE
       SET name = coalesce(n.name, excluded.name), event_form = coalesce(n.event_form, excluded.event_form)
       -- A name that was erased has neither form, and stays so until something goes on under it.
       WHERE (num_nonnulls(n.name, n.event_form) > 0 OR $7::boolean)
         AND ((n.name IS NULL AND excluded.name IS NOT NULL) OR (n.event_form IS NULL
           AND excluded.event_form IS NOT NULL))`,
    [
      sellerAccount,
      agreementId,
      names.map(({ kind }) => kind),
      names.map(({ digest }) => digest),
      names.map(({ name }) => name),
      names.map(({ eventForm }) => eventForm),
      isBack,
    ],
  );
}

/** Whether any of these names was erased. */
export async function hasErased(
  tx: LedgerSql,
  sellerAccount: string,
  names: readonly Pick<AwsName<AgreementNameKind>, 'kind' | 'digest'>[],
): Promise<boolean> {
  const rows = await tx.query(
    `SELECT FROM unnest($2::text[], $3::text[]) AS spoken (kind, digest)
     JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.kind = spoken.kind
       AND n.digest = decode(spoken.digest, 'hex')
     WHERE num_nonnulls(n.name, n.event_form) = 0 LIMIT 1`,
    [sellerAccount, names.map(({ kind }) => kind), names.map(({ digest }) => digest)],
  );
  return rows.length > 0;
}

export async function selectLicensesOf(tx: LedgerSql, sellerAccount: string, agreementId: string): Promise<string[]> {
  const rows = await tx.query<{ digest: string }>(
    `SELECT DISTINCT encode(n.digest, 'hex') AS digest FROM marketplace.agreement_name n
     WHERE n.seller_account = $1 AND n.kind = 'license'
       AND n.agreement_id = ANY (${idsOfLiving('agreement', '$2::uuid')})`,
    [sellerAccount, agreementId],
  );
  return rows.map(({ digest }) => digest);
}

/** The product code that stands for an entity id (`prod-…`), where a message has named both. */
export async function selectProductOfId(
  tx: LedgerSql,
  sellerAccount: string,
  productId: string,
): Promise<string | null> {
  const [row] = await tx.query<{ product_code: string }>(
    `SELECT product_code FROM marketplace.agreement WHERE seller_account = $1 AND product_id = $2 LIMIT 1`,
    [sellerAccount, productId],
  );
  return row?.product_code ?? null;
}
