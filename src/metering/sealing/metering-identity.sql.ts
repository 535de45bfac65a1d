import { createHash } from 'node:crypto';
import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type MeteringIdentityName } from '../../subscription/agreements/timeline.js';
import { identityKey } from '../../subscription/agreements/identity-name.js';
import { byKey, byText } from '../../runtime/order.js';

/** A name at one product: what AWS dedupes by. */
export interface ProductIdentity {
  productCode: string;
  name: MeteringIdentityName;
}

/** The same for two spellings of one identity. */
export const productIdentityKey = ({ productCode, name }: ProductIdentity): string =>
  `${productCode} ${identityKey(name)}`;

function canonicalOf(name: MeteringIdentityName): string {
  switch (name.kind) {
    case 'license':
      return name.licenseId;
    case 'customerIdentifier':
      return name.customerIdentifier;
    case 'account':
      return name.customerAwsAccountId;
    case 'installation':
      return name.kind;
  }
}

const digestOf = (name: MeteringIdentityName): Buffer => createHash('sha256').update(canonicalOf(name)).digest();

/** Row ids of those that records know already, by `productIdentityKey`. */
export async function findIdentities(
  tx: LedgerSql,
  identities: readonly ProductIdentity[],
): Promise<Map<string, string>> {
  const wanted = new Map(identities.map((identity) => [productIdentityKey(identity), identity]));
  if (wanted.size === 0) return new Map();
  const list = [...wanted.values()];
  const rows = await tx.query<{ place: string; id: string }>(
    `SELECT n.place, i.id FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS n (product_code, kind,
      digest, place)
     CROSS JOIN LATERAL (
       SELECT id FROM marketplace.metering_identity
       WHERE product_code = n.product_code AND kind = n.kind AND digest = n.digest OFFSET 0
     ) AS i`,
    [
      list.map(({ productCode }) => productCode),
      list.map(({ name }) => name.kind),
      list.map(({ name }) => digestOf(name)),
    ],
  );
  return new Map(
    rows.flatMap(({ place, id }) => {
      const identity = list[Number(place) - 1];
      return identity ? [[productIdentityKey(identity), id] as const] : [];
    }),
  );
}

/**
 * Row ids of all of them; those that no record knows are made. Two sealers that make one at once wait for each other
 * here, in the order of the key, and then agree: not keyed by the seller's label, so that two installations of one
 * database meet in the grain.
 */
export async function ensureIdentities(
  tx: LedgerSql,
  identities: readonly ProductIdentity[],
): Promise<Map<string, string>> {
  const known = await findIdentities(tx, identities);
  await bringBackNames(
    tx,
    identities.filter((identity) => known.has(productIdentityKey(identity))),
  );
  const missing = new Map(
    identities
      .filter((identity) => !known.has(productIdentityKey(identity)))
      .map((identity) => [productIdentityKey(identity), identity]),
  );
  if (missing.size === 0) return known;
  const list = [...missing.entries()].sort(byKey).map(([, identity]) => identity);
  await tx.query(
    `INSERT INTO marketplace.metering_identity (id, product_code, kind, digest, canonical, license_arn,
      customer_aws_account_id, customer_identifier)
     SELECT id, product_code, kind, digest, canonical, license_arn, account, identifier
     FROM ${NAMED} JOIN unnest($8::uuid[]) WITH ORDINALITY AS given (id, place) USING (place)
     ORDER BY place
     ON CONFLICT (product_code, kind, digest) DO NOTHING`,
    [...parametersOf(list), list.map(() => uuidv7())],
  );
  return new Map([...known, ...(await findIdentities(tx, list))]);
}

const NAMED = `unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[])
  WITH ORDINALITY AS n (product_code, kind, digest, canonical, license_arn, account, identifier, place)`;

function parametersOf(list: readonly ProductIdentity[]): unknown[] {
  return [
    list.map(({ productCode }) => productCode),
    list.map(({ name }) => name.kind),
    list.map(({ name }) => digestOf(name)),
    list.map(({ name }) => canonicalOf(name)),
    list.map(({ name }) => (name.kind === 'license' ? name.licenseArn : null)),
    list.map(({ name }) => ('customerAwsAccountId' in name ? name.customerAwsAccountId : null)),
    list.map(({ name }) => (name.kind === 'customerIdentifier' ? name.customerIdentifier : null)),
  ];
}

/** What was erased and is metered again needs its wire form: the row is the one that AWS dedupes by, now as before. */
async function bringBackNames(tx: LedgerSql, identities: readonly ProductIdentity[]): Promise<void> {
  if (identities.length === 0) return;
  const list = [...identities].sort((a, b) => byText(productIdentityKey(a), productIdentityKey(b)));
  await tx.query(
    `UPDATE marketplace.metering_identity i SET canonical = n.canonical, license_arn = n.license_arn,
       customer_aws_account_id = n.account, customer_identifier = n.identifier
     FROM ${NAMED}
     WHERE i.product_code = n.product_code AND i.kind = n.kind AND i.digest = n.digest AND i.canonical IS NULL`,
    parametersOf(list),
  );
}
