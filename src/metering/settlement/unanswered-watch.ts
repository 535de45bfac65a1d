import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { type Alert, AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';

const KIND = 'unanswered';
/** Most faults are over by then, and every deadline is hours away. */
const PATIENCE_MS = 15 * 60_000;
/** Why a record waits that was sent, and of which AWS has said nothing. */
const UNANSWERED = ['unavailable', 'missing', 'unprocessed', 'unrecognised', 'throttled'];

interface UnansweredPlace {
  product_code: string;
  region: string;
  records: number;
  units: string;
  since: Date;
  due_at: Date;
  said: string | null;
}

/** Tells of records that go out again and again without a word about them, long before their deadline does. */
@Injectable()
export class UnansweredWatch {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  async run(): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const places = await unansweredPlaces(this.database, sellerAccount, now);
    for (const place of places) await this.alerts.raise(this.database, alertOf(place));
    const standing = places.map(subjectOf);
    const open = await this.alerts.openSubjects(this.database, KIND);
    const over = open.filter((subject) => !standing.includes(subject));
    if (over.length > 0) await this.alerts.resolve(this.database, KIND, over);
  }
}

function unansweredPlaces(sql: LedgerSql, sellerAccount: string, now: Date): Promise<UnansweredPlace[]> {
  return sql.query<UnansweredPlace>(
    `SELECT r.product_code, r.region, count(*)::int AS records, sum(r.quantity)::text AS units,
       min(tried.since) AS since, min(r.due_at) AS due_at,
       (array_agg(r.reason_message ORDER BY r.next_attempt_at DESC))[1] AS said
     FROM marketplace.metering_record r
     CROSS JOIN LATERAL (SELECT min(a.claimed_at) AS since FROM marketplace.attempt_record x
       JOIN marketplace.attempt a ON a.seller_account = x.seller_account AND a.id = x.attempt_id
       WHERE x.seller_account = r.seller_account AND x.record_id = r.id) tried
     WHERE r.seller_account = $1 AND r.reason = ANY ($2) AND r.state IN ('pending', 'sending') AND r.mode = 'live'
       AND r.cutoff_at > $3 AND tried.since <= $4
     GROUP BY r.product_code, r.region ORDER BY r.product_code, r.region`,
    [sellerAccount, UNANSWERED, now.toISOString(), plusMs(now, -PATIENCE_MS).toISOString()],
  );
}

const subjectOf = ({ product_code: productCode, region }: UnansweredPlace): string => `${productCode}/${region}`;

function alertOf(place: UnansweredPlace): Alert<'unanswered'> {
  const { product_code: productCode, region, records, units, since, due_at: dueAt, said } = place;
  return {
    kind: 'unanswered',
    subject: subjectOf(place),
    severity: 'critical',
    message:
      `${records} records of product ${productCode} (${units} units) are sent to ${region} since ${since.toISOString()} ` +
      `and nothing tells what became of them (${said ?? 'no word'}). They are tried again by themselves; the first is ` +
      `due at ${dueAt.toISOString()}.`,
    details: { records, units, since: since.toISOString(), firstDueAt: dueAt.toISOString() },
  };
}
