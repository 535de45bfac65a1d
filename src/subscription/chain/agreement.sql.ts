import { uuidv7 } from 'uuidv7';
import { type SqlExecutor } from '../../database/ledger-database.js';
import { type AgreementNameKind, type AwsName } from './aws-names.js';

/** An agreement found by a name. Ids of rows that turned out to be another are resolved. */
export interface NamedAgreement {
  id: string;
  subscription_id: string;
  product_code: string;
  buyer_id: string | null;
  kind: AgreementNameKind;
  digest: string;
}

export function selectAgreementsByNames(
  tx: SqlExecutor,
  sellerAccount: string,
  names: readonly Pick<AwsName<AgreementNameKind>, 'kind' | 'digest'>[],
): Promise<NamedAgreement[]> {
  return tx.query<NamedAgreement>(
    `SELECT DISTINCT a.id::text AS id, a.subscription_id::text AS subscription_id, a.product_code, a.buyer_id::text AS buyer_id,
       wanted.kind, wanted.digest
     FROM unnest($2::text[], $3::text[]) AS wanted (kind, digest)
     JOIN marketplace.agreement_name n ON n.seller_account = $1 AND n.kind = wanted.kind AND n.digest = decode(wanted.digest, 'hex')
     JOIN marketplace.agreement named ON named.seller_account = $1 AND named.id = n.agreement_id
     JOIN marketplace.agreement a ON a.seller_account = $1 AND a.id = coalesce(named.alias_of, named.id)
     ORDER BY 1`,
    [sellerAccount, names.map(({ kind }) => kind), names.map(({ digest }) => digest)],
  );
}

export async function insertAgreement(
  tx: SqlExecutor,
  sellerAccount: string,
  agreement: { productCode: string; subscriptionId: string; buyerId: string | null; productId: string | null; offerId: string | null },
): Promise<string> {
  const id = uuidv7();
  await tx.query(
    `INSERT INTO marketplace.agreement (seller_account, id, product_code, subscription_id, buyer_id, product_id, offer_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [sellerAccount, id, agreement.productCode, agreement.subscriptionId, agreement.buyerId, agreement.productId, agreement.offerId],
  );
  return id;
}

/** Fills what was not known before; what stands there stays. The offer alone may change, by an amendment. */
export async function completeAgreement(
  tx: SqlExecutor,
  sellerAccount: string,
  id: string,
  known: { buyerId: string | null; productId: string | null; offerId: string | null },
): Promise<void> {
  await tx.query(
    `UPDATE marketplace.agreement SET buyer_id = coalesce(buyer_id, $3), product_id = coalesce(product_id, $4), offer_id = coalesce($5, offer_id)
     WHERE seller_account = $1 AND id = $2
       AND (buyer_id, product_id, offer_id) IS DISTINCT FROM (coalesce(buyer_id, $3), coalesce(product_id, $4), coalesce($5, offer_id))`,
    [sellerAccount, id, known.buyerId, known.productId, known.offerId],
  );
}

/** The first form of a name that is sent stays; an event's form of a license gives way to the one that the API takes. */
export async function insertAgreementNames(
  tx: SqlExecutor,
  sellerAccount: string,
  agreementId: string,
  names: readonly AwsName<AgreementNameKind>[],
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.agreement_name AS n (seller_account, kind, digest, agreement_id, name, event_form)
     SELECT $1, kind, decode(digest, 'hex'), $2, name, event_form
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS input (kind, digest, name, event_form)
     ON CONFLICT (seller_account, kind, digest, agreement_id) DO UPDATE
       SET name = coalesce(n.name, excluded.name), event_form = coalesce(n.event_form, excluded.event_form)
       WHERE (n.name IS NULL AND excluded.name IS NOT NULL) OR (n.event_form IS NULL AND excluded.event_form IS NOT NULL)`,
    [
      sellerAccount,
      agreementId,
      names.map(({ kind }) => kind),
      names.map(({ digest }) => digest),
      names.map(({ name }) => name),
      names.map(({ eventForm }) => eventForm),
    ],
  );
}

/** Two rows of one agreement: one hop, always flattened. Names, periods and records stay with the row that they were written for. */
export async function aliasAgreement(
  tx: SqlExecutor,
  sellerAccount: string,
  { aliasId, agreementId }: { aliasId: string; agreementId: string },
): Promise<void> {
  await tx.query(`UPDATE marketplace.agreement SET alias_of = $3 WHERE seller_account = $1 AND $2 IN (id, alias_of)`, [
    sellerAccount,
    aliasId,
    agreementId,
  ]);
}
