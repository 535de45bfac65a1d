import { type LedgerSql } from '../database/ledger-database.js';
import { type MeteringOperation } from '../metering/settlement/deadlines.js';
import { type LedgerExcerpt, type LedgerRecord, type SightedCall, type TrailIdentityKind } from './trail-sighting.js';

/** As AWS's session name has it: the last part of what the resource is called, of a task's ARN its id. */
export const digestOfResource = (id: string): string =>
  `sha256(convert_to(regexp_replace(coalesce(${id}, ''), '^.*/', ''), 'UTF8'))`;

/** How a record is compared with the log: a buyer's name, or of MeterUsage the resource that sent it. */
export const COMPARED_IDENTITY = `CASE r.operation WHEN 'MeterUsage' THEN 'resource' ELSE i.kind END AS kind,
  encode(CASE r.operation WHEN 'MeterUsage' THEN ${digestOfResource('r.resource_id')} ELSE i.digest END, 'hex')
    AS digest`;

/** An event as it is kept. Of one that cannot be read there is nothing but where and about when it stands. */
export interface StoredEvent {
  id: string;
  operation: MeteringOperation;
  region: string;
  at: Date;
  requestId: string | null;
  attemptId: string | null;
  errorCode: string | null;
  content: 'read' | 'omitted' | 'unreadable';
  why: string | null;
}

/** Keeps what was read. An event that is known, from another page, file or trail, is not kept twice. */
export async function storeEvents(
  tx: LedgerSql,
  sellerAccount: string,
  events: readonly StoredEvent[],
  calls: readonly SightedCall[],
  seenAt: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO marketplace.trail_event (seller_account, id, operation, region, at, request_id, attempt_id, error_code,
       content, why, seen_at)
     SELECT $1, e.id, e.operation, e.region, e.at, e."requestId", e."attemptId", e."errorCode", e.content, e.why, $3
     FROM jsonb_to_recordset($2::jsonb) AS e (id text, operation text, region text, at timestamptz, "requestId" text,
       "attemptId" uuid, "errorCode" text, content text, why text)
     ORDER BY e.id
     ON CONFLICT (seller_account, id) DO NOTHING`,
    [sellerAccount, JSON.stringify(events), seenAt.toISOString()],
  );
  const entries = calls.flatMap((call) =>
    call.entries.map((entry, position) => {
      const { dimension, hour, quantity, answer, meteringRecordId, accountDigest } = entry;
      const { eventId, operation, region, at, productCode } = call;
      const [identity] = entry.identities;
      return {
        ...{ eventId, position, operation, region, at, productCode, dimension, hour, quantity, answer },
        ...{ meteringRecordId, accountDigest, kind: identity?.kind, digest: identity?.digest },
      };
    }),
  );
  await tx.query(
    `INSERT INTO marketplace.trail_entry (seller_account, event_id, position, operation, region, at, product_code, kind,
       digest, account_digest, dimension, hour, quantity, answer, metering_record_id)
     SELECT $1, e."eventId", e.position, e.operation, e.region, e.at, e."productCode", e.kind, decode(e.digest, 'hex'),
       decode(e."accountDigest", 'hex'), e.dimension, e.hour, e.quantity, e.answer, e."meteringRecordId"
     FROM jsonb_to_recordset($2::jsonb) AS e ("eventId" text, position integer, operation text, region text,
       at timestamptz, "productCode" text, kind text, digest text, "accountDigest" text, dimension text,
       hour timestamptz, quantity numeric, answer text, "meteringRecordId" text)
     WHERE e.digest IS NOT NULL
     ORDER BY e."eventId", e.position
     ON CONFLICT (seller_account, event_id, position) DO NOTHING`,
    [sellerAccount, JSON.stringify(entries)],
  );
}

/**
 * Findings older than that are deleted: no comparison asks for them any more. Before them goes the word that their time
 * was read: what stood against absent, or was billed, would be missed in it.
 */
export async function forgetEvents(sql: LedgerSql, sellerAccount: string, before: Date): Promise<void> {
  const parameters = [sellerAccount, before.toISOString()];
  await sql.query(`DELETE FROM marketplace.trail_coverage WHERE seller_account = $1 AND to_at <= $2`, parameters);
  await sql.query(
    `UPDATE marketplace.trail_coverage SET from_at = $2 WHERE seller_account = $1 AND from_at < $2`,
    parameters,
  );
  await sql.query(
    `DELETE FROM marketplace.trail_event WHERE seller_account = $1 AND id IN (
       SELECT id FROM marketplace.trail_event WHERE seller_account = $1 AND at < $2 LIMIT 5000)`,
    parameters,
  );
}

/**
 * What the ledger knows of what these calls may speak of: attempts by their id or request id, and records by payer,
 * dimension and hour. No lock: whoever settles a record locks it.
 */
export async function excerptFor(
  sql: LedgerSql,
  sellerAccount: string,
  calls: readonly SightedCall[],
): Promise<LedgerExcerpt> {
  const attempts = await sql.query<{ id: string; requestId: string | null; recordIds: string[] }>(
    `SELECT a.id, a.aws_request_id AS "requestId", jsonb_agg(r.record_id) AS "recordIds"
     FROM (
       SELECT x.* FROM unnest($2::uuid[]) AS named (id) CROSS JOIN LATERAL (
         SELECT * FROM marketplace.attempt WHERE seller_account = $1 AND id = named.id OFFSET 0) AS x
       UNION
       SELECT x.* FROM unnest($3::text[]) AS named (id) CROSS JOIN LATERAL (
         SELECT * FROM marketplace.attempt WHERE seller_account = $1 AND aws_request_id = named.id OFFSET 0) AS x
     ) AS a
     JOIN marketplace.attempt_record r ON r.seller_account = $1 AND r.attempt_id = a.id
     GROUP BY a.id, a.aws_request_id`,
    [
      sellerAccount,
      calls.flatMap(({ attemptId }) => attemptId ?? []),
      calls.flatMap(({ requestId }) => requestId ?? []),
    ],
  );
  const grains = calls.flatMap(({ entries }) =>
    entries.flatMap(({ identities, dimension, hour }) =>
      identities.map(({ kind, digest }) => ({ kind, digest, dimension, hour })),
    ),
  );
  const rows = await sql.query<RecordRow>(
    `WITH wanted AS MATERIALIZED (
       SELECT x.id FROM unnest($2::uuid[]) AS x (id)
       UNION
       SELECT m.id
       FROM (SELECT DISTINCT kind, decode(digest, 'hex') AS digest, dimension, hour
         FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) AS n (kind, digest, dimension, hour)) AS g
       CROSS JOIN (SELECT product_code FROM marketplace.product WHERE seller_account = $1) AS p
       CROSS JOIN LATERAL (SELECT id FROM marketplace.metering_identity WHERE product_code = p.product_code
         AND kind = g.kind AND digest = g.digest OFFSET 0) AS i
       CROSS JOIN LATERAL (SELECT id FROM marketplace.metering_record WHERE identity_id = i.id
         AND dimension = g.dimension AND hour = g.hour AND kind = 'hour' AND mode = 'live'
         AND disposition IS DISTINCT FROM 'annulled' AND seller_account = $1 OFFSET 0) AS m
       UNION
       SELECT m.id
       FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) AS g (kind, digest, dimension, hour)
       CROSS JOIN LATERAL (SELECT id FROM marketplace.metering_record WHERE seller_account = $1 AND hour = g.hour
         AND dimension = g.dimension AND operation = 'MeterUsage' AND kind = 'hour' AND mode = 'live'
         AND disposition IS DISTINCT FROM 'annulled'
         AND ${digestOfResource('resource_id')} = decode(g.digest, 'hex')
         OFFSET 0) AS m
       WHERE g.kind = 'resource'
     )
     SELECT r.id, r.product_code, ${COMPARED_IDENTITY}, r.dimension, r.hour, r.region,
       r.disposition IS DISTINCT FROM 'annulled' AS is_standing
     FROM wanted w
     CROSS JOIN LATERAL (SELECT * FROM marketplace.metering_record WHERE seller_account = $1 AND id = w.id OFFSET 0) AS r
     JOIN marketplace.metering_identity i ON i.id = r.identity_id`,
    [
      sellerAccount,
      attempts.flatMap(({ recordIds }) => recordIds),
      grains.map(({ kind }) => kind),
      grains.map(({ digest }) => digest),
      grains.map(({ dimension }) => dimension),
      grains.map(({ hour }) => hour.toISOString()),
    ],
  );
  return { attempts, records: rows.map(recordOf) };
}

interface RecordRow {
  id: string;
  product_code: string;
  kind: TrailIdentityKind;
  digest: string;
  dimension: string;
  hour: Date;
  region: string;
  is_standing: boolean;
}

function recordOf(row: RecordRow): LedgerRecord {
  const { id, kind, digest, dimension, hour, region } = row;
  return {
    ...{ id, dimension, hour, region },
    productCode: row.product_code,
    identity: { kind, digest },
    isStanding: row.is_standing,
  };
}
