import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type AwsName, type BuyerNameKind } from './aws-names.js';

interface NameRow {
  buyer_id: string;
  kind: BuyerNameKind;
  digest: string;
}

/**
 * The buyer that has one of these names; null where nobody has. Two rows that turned out to be one answer as that one.
 */
export async function selectBuyer(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  names: readonly AwsName<BuyerNameKind>[],
): Promise<string | null> {
  const [row] = await selectNamed(tx, sellerAccount, productCode, names);
  return row?.buyer_id ?? null;
}

/**
 * The buyer behind some names, entered where nobody has them (without names too: an agreement whose buyer is not known
 * yet has a nameless one). Where two rows turn out to be one buyer, the older goes on and the younger is its alias:
 * names, agreements and subscriptions move, facts keep what they were heard under. The caller holds the locks of the
 * names.
 * @throws MarketplaceMeteringError `SUBSCRIPTION_IDENTITY_CONFLICT` where one buyer would have two names of a kind:
 * only a person can tell who is who
 */
export async function resolveBuyer(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  names: readonly AwsName<BuyerNameKind>[],
  {
    knownBy = null,
    alsoKnownBy = [],
    isBack,
  }: {
    /** The buyer of an agreement that was named beside. */
    knownBy?: string | null;
    /** Buyers of further rows that were named beside: the same one, unless that one has another name of a kind. */
    alsoKnownBy?: readonly string[];
    /** Whether what was heard brings back a buyer who was erased at that instant. */
    isBack: (erasedAt: Date) => boolean;
  },
): Promise<string> {
  const found = await selectNamed(tx, sellerAccount, productCode, names);
  const known = new Set([...found.map((row) => row.buyer_id), ...(knownBy === null ? [] : [knownBy])]);
  const held: Pick<NameRow, 'kind' | 'digest'>[] = names.map(({ kind, digest }) => ({ kind, digest }));
  if (known.size > 0) held.push(...(await selectNamesOf(tx, sellerAccount, [...known])));
  refuseTwoNames(held, productCode);
  for (const other of alsoKnownBy.filter((one) => !known.has(one))) {
    const own = await selectNamesOf(tx, sellerAccount, [other]);
    if (kindOfTwoNames([...held, ...own]) !== null) continue;
    known.add(other);
    held.push(...own);
  }
  const [first, ...others] = [...known].sort();
  const id = first ?? (await insertBuyer(tx, sellerAccount, productCode));
  for (const other of others) await aliasBuyer(tx, sellerAccount, { aliasId: other, buyerId: id });
  const erasure = await selectErasure(tx, sellerAccount, id);
  if (erasure?.isBack === false && isBack(erasure.at)) await bringBack(tx, sellerAccount, id);
  await insertBuyerNames(tx, sellerAccount, { buyerId: id, productCode, names });
  return id;
}

/** When the names of a buyer were last erased, by business time, and whether it has bought again since. */
export interface Erasure {
  at: Date;
  isBack: boolean;
}

export async function selectErasure(tx: LedgerSql, sellerAccount: string, buyerId: string): Promise<Erasure | null> {
  const [row] = await tx.query<Erasure>(
    `SELECT erased_at AS at, is_back AS "isBack" FROM marketplace.buyer
     WHERE seller_account = $1 AND id = $2 AND erased_at IS NOT NULL`,
    [sellerAccount, buyerId],
  );
  return row ?? null;
}

/** From now on names of the buyer that are spoken are written down again. */
async function bringBack(tx: LedgerSql, sellerAccount: string, buyerId: string): Promise<void> {
  await tx.query(`UPDATE marketplace.buyer SET is_back = true WHERE seller_account = $1 AND id = $2`, [
    sellerAccount,
    buyerId,
  ]);
}

async function insertBuyer(tx: LedgerSql, sellerAccount: string, productCode: string): Promise<string> {
  const id = uuidv7();
  await tx.query(`INSERT INTO marketplace.buyer (seller_account, id, product_code) VALUES ($1, $2, $3)`, [
    sellerAccount,
    id,
    productCode,
  ]);
  return id;
}

/** OFFSET 0: over tables without statistics all names would be read for each message. */
function selectNamed(
  tx: LedgerSql,
  sellerAccount: string,
  productCode: string,
  names: readonly AwsName<BuyerNameKind>[],
): Promise<NameRow[]> {
  return tx.query<NameRow>(
    `SELECT coalesce(b.alias_of, b.id)::text AS buyer_id, n.kind, encode(n.digest, 'hex') AS digest
     FROM unnest($3::text[], $4::text[]) AS wanted (kind, digest)
     CROSS JOIN LATERAL (SELECT kind, digest, buyer_id FROM marketplace.buyer_name
       WHERE seller_account = $1 AND product_code = $2 AND kind = wanted.kind
         AND digest = decode(wanted.digest, 'hex') OFFSET 0) AS n
     CROSS JOIN LATERAL (SELECT id, alias_of FROM marketplace.buyer
       WHERE seller_account = $1 AND id = n.buyer_id OFFSET 0) AS b
     ORDER BY 1`,
    [sellerAccount, productCode, names.map(({ kind }) => kind), names.map(({ digest }) => digest)],
  );
}

function selectNamesOf(
  tx: LedgerSql,
  sellerAccount: string,
  buyerIds: readonly string[],
): Promise<Pick<NameRow, 'kind' | 'digest'>[]> {
  return tx.query<Pick<NameRow, 'kind' | 'digest'>>(
    `SELECT kind, encode(digest, 'hex') AS digest FROM marketplace.buyer_name WHERE seller_account = $1
      AND buyer_id = ANY ($2::uuid[])`,
    [sellerAccount, buyerIds],
  );
}

function refuseTwoNames(names: readonly Pick<NameRow, 'kind' | 'digest'>[], productCode: string): void {
  const kind = kindOfTwoNames(names);
  if (kind === null) return;
  throw new MarketplaceMeteringError(
    'SUBSCRIPTION_IDENTITY_CONFLICT',
    `AWS names a buyer of product ${productCode} with another ` +
      `${kind === 'account' ? 'account' : 'CustomerIdentifier'} than the ledger does. ` +
      'Compare both in the AWS Marketplace Management Portal before anything is changed.',
  );
}

/** Of which kind there are two names; null where one buyer may have all of them. */
function kindOfTwoNames(names: readonly Pick<NameRow, 'kind' | 'digest'>[]): BuyerNameKind | null {
  const byKind = new Map<BuyerNameKind, string>();
  for (const { kind, digest } of names) {
    if ((byKind.get(kind) ?? digest) !== digest) return kind;
    byKind.set(kind, digest);
  }
  return null;
}

/** One hop, always flattened. */
async function aliasBuyer(
  tx: LedgerSql,
  sellerAccount: string,
  { aliasId, buyerId }: { aliasId: string; buyerId: string },
): Promise<void> {
  const parameters = [sellerAccount, aliasId, buyerId];
  // One of the two was erased: the buyer is only as long as the other was, too.
  await tx.query(
    `UPDATE marketplace.buyer b SET erased_at = greatest(b.erased_at, other.erased_at),
       is_back = b.erased_at IS NULL OR b.is_back OR other.erased_at IS NULL OR other.is_back
     FROM marketplace.buyer other
     WHERE other.seller_account = $1 AND other.id = $2 AND b.seller_account = $1 AND b.id = $3
       AND num_nonnulls(b.erased_at, other.erased_at) > 0`,
    parameters,
  );
  await tx.query(
    `UPDATE marketplace.buyer SET alias_of = $3 WHERE seller_account = $1 AND $2 IN (id, alias_of)`,
    parameters,
  );
  for (const table of ['buyer_name', 'agreement', 'subscription']) {
    await tx.query(
      `UPDATE marketplace.${table} SET buyer_id = $3 WHERE seller_account = $1 AND buyer_id = $2`,
      parameters,
    );
  }
}

/**
 * Of a buyer whose names were erased the digest alone is written. Of one that has bought again they take their places
 * again as they are spoken.
 */
async function insertBuyerNames(
  tx: LedgerSql,
  sellerAccount: string,
  { buyerId, productCode, names }: { buyerId: string; productCode: string; names: readonly AwsName<BuyerNameKind>[] },
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.buyer_name AS n (seller_account, product_code, kind, digest, name, buyer_id)
     SELECT $1, $2, input.kind, decode(input.digest, 'hex'),
       CASE WHEN b.erased_at IS NULL OR b.is_back THEN input.name END, b.id
     FROM unnest($3::text[], $4::text[], $5::text[]) AS input (kind, digest, name)
     JOIN marketplace.buyer b ON b.seller_account = $1 AND b.id = $6
     ON CONFLICT (seller_account, product_code, kind, digest) DO UPDATE SET name = excluded.name
       WHERE n.name IS NULL AND excluded.name IS NOT NULL
         AND EXISTS (SELECT FROM marketplace.buyer b WHERE b.seller_account = $1 AND b.id = $6 AND b.is_back)`,
    [
      sellerAccount,
      productCode,
      names.map(({ kind }) => kind),
      names.map(({ digest }) => digest),
      names.map(({ name }) => name),
      buyerId,
    ],
  );
}
