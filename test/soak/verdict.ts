import { eventIdOf } from '../../src/metering/recording/event-id.js';
import { meteredRecords, tableViolations } from '../support/ledger-judge.js';
import { buyerOf, grainOfLine, SELLER } from '../support/market.js';
import { sumOf, whereUnitsAre } from '../support/whereabouts.js';
import { type SoakWorld } from './soak-world.js';

const HOUR_MS = 3_600_000;
/** Business time that goes by between two processes on one machine. */
const NEAR_MS = 900_000;

export interface Verdict {
  counts: Record<string, unknown>;
  mismatches: string[];
}

/** The host's journal against the ledger, and the ledger against AWS's bill. */
export async function verdictOf(world: SoakWorld): Promise<Verdict> {
  const { database, simulator, journal } = world;
  const rows = await database.query<{ id: string; quantity: string; at: Date }>(
    'SELECT id, quantity, occurred_at AS at FROM marketplace.usage_event',
  );
  const ledger = new Map(rows.map(({ id, quantity }) => [id, Number(quantity)]));
  const dates = new Map(rows.map(({ id, at }) => [id, at.getTime()]));
  const mismatches: string[] = [];
  let unansweredAndRecorded = 0;
  let units = 0;
  for (const { key, tenantId, quantity, state, code, usedAt, answeredAt } of journal.entries) {
    const id = eventIdOf({ sellerAccount: SELLER, scope: { kind: 'tenant', name: tenantId }, key });
    const recorded = ledger.get(id);
    ledger.delete(id);
    if (state === 'acknowledged' && recorded === undefined) mismatches.push(`${key} was acknowledged and is not there`);
    if (recorded !== undefined && recorded !== quantity)
      mismatches.push(`${key} of ${quantity} is there as ${recorded}`);
    if (recorded === undefined) continue;
    const at = dates.get(id) ?? 0;
    if (at < usedAt.getTime() - NEAR_MS || at > (answeredAt?.getTime() ?? Infinity) + NEAR_MS)
      mismatches.push(`${key} of ${usedAt.toISOString()} is dated ${new Date(at).toISOString()}`);
    units += quantity;
    if (state !== 'acknowledged') unansweredAndRecorded += 1;
    if (state === 'refused' && !UNSURE.has(code ?? ''))
      mismatches.push(`${key} was refused (${code ?? ''}) and is there`);
  }
  if (journal.count('acknowledged') === 0) mismatches.push('nothing was recorded: the run has shown nothing');
  for (const id of ledger.keys()) mismatches.push(`${id} is there and nobody used it`);

  for (const { rule, wrong } of await tableViolations(database))
    mismatches.push(`${rule}: ${JSON.stringify(wrong.slice(0, 3))}`);
  const balance = await world.metering.balance();
  for (const row of balance.filter(({ conserved }) => !conserved))
    mismatches.push(`not conserved: ${JSON.stringify(row)}`);

  const bill = simulator.bill();
  const billed = new Map<string, number>();
  for (const line of bill) {
    const grain = grainOfLine(simulator, line);
    if (billed.has(grain)) mismatches.push(`${grain} is billed twice`);
    billed.set(grain, line.quantity);
  }
  const metered = await meteredRecords(database, simulator);
  for (const { grain, quantity } of metered) {
    if (billed.get(grain) !== quantity)
      mismatches.push(`${grain}: the ledger has ${quantity} as billed, AWS ${billed.get(grain) ?? 'none'}`);
    billed.delete(grain);
  }
  const whereabouts = await whereUnitsAre(database, simulator);
  // What AWS has and the ledger does not hold as billed must stand there as not known, in the same grain.
  const doubtful = await doubtfulGrains(world);
  for (const grain of billed.keys())
    if (!doubtful.has(grain)) mismatches.push(`${grain} is billed, and the ledger knows nothing of it`);
  mismatches.push(...(await leftRecords(world)));
  mismatches.push(...(await untrueReasons(world)));
  const difference = sumOf(whereabouts) - [...billed.values()].reduce((sum, one) => sum + one, 0) - units;
  if (Math.abs(difference) > 1e-6) mismatches.push(`${difference} units more are somewhere than were recorded`);

  const states = await database.query<{ state: string; reason: string | null; n: number }>(
    'SELECT state, reason, count(*)::int AS n FROM marketplace.metering_record GROUP BY 1, 2 ORDER BY 1, 2',
  );
  return {
    counts: {
      used: journal.entries.length,
      acknowledged: journal.count('acknowledged'),
      refused: journal.count('refused'),
      open: journal.count('open'),
      unansweredAndRecorded,
      unitsRecorded: units,
      billLines: bill.length,
      billedAndDoubtful: billed.size,
      calls: simulator.calls({ operation: 'BatchMeterUsage' }).length,
      records: Object.fromEntries(
        states.map(({ state, reason, n }) => [`${state}${reason === null ? '' : ` ${reason}`}`, n]),
      ),
      whereabouts: {
        ...whereabouts,
        billed: Object.values(whereabouts.billed ?? {}).reduce((sum, one) => sum + one, 0),
      },
    },
    mismatches,
  };
}

/** Refusals that do not say whether the usage stands: the answer was lost, or did not come in time. */
const UNSURE = new Set(['RECORD_TIMEOUT', 'RECORD_FAILED', 'RECORD_ABORTED', 'SHUTTING_DOWN']);

/** The grains of which the ledger says that it does not know. */
async function doubtfulGrains({ database, simulator }: SoakWorld): Promise<Set<string>> {
  const rows = await database.query<{
    product_code: string;
    license_arn: string | null;
    account: string | null;
    customer: string | null;
    dimension: string;
    hour: Date;
  }>(
    `SELECT i.product_code, i.license_arn, i.customer_aws_account_id AS account, i.customer_identifier AS customer,
       r.dimension, r.hour
     FROM marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id
     WHERE r.state IN ('unknown', 'blocked', 'pending', 'sending')`,
  );
  return new Set(
    rows.map(({ product_code: productCode, license_arn, account, customer, dimension, hour }) => {
      const buyer = buyerOf(simulator, {
        licenseArn: license_arn,
        accountId: account,
        customerIdentifier: customer,
      });
      return `${productCode} ${buyer} ${dimension} ${hour.toISOString()}`;
    }),
  );
}

/**
 * Nothing that befell the run lasts: what AWS refuses for a cause has gone on by itself. Who has ended is refused until
 * the record's hour is too old.
 */
async function leftRecords({ database, simulator }: SoakWorld): Promise<string[]> {
  const left = await database.query<{ state: string; reason: string | null; license: string; n: number; text: string }>(
    `SELECT r.state, r.reason, i.license_arn AS license, count(*)::int AS n,
       coalesce(min(r.reason_message), 'nobody has said why') AS text
     FROM marketplace.metering_record r JOIN marketplace.metering_identity i ON i.id = r.identity_id
     WHERE r.state IN ('blocked', 'pending', 'sending') GROUP BY 1, 2, 3`,
  );
  const active = new Set(
    simulator
      .agreements()
      .filter(({ status }) => status === 'ACTIVE')
      .map(({ licenseArn }) => licenseArn),
  );
  return left
    .filter(
      ({ state, reason, license }) => !(state === 'blocked' && reason === 'notSubscribed' && !active.has(license)),
    )
    .map(({ state, reason, n, text }) => `${n} records are still ${state} ${reason ?? ''}: ${text}`);
}

/** What stands outside of every agreement, though AWS says that one was in force. */
async function untrueReasons({ database, simulator, agreements }: SoakWorld): Promise<string[]> {
  const rows = await database.query<{ tenant: string; reason: string; hour: Date; units: string }>(
    `SELECT c.tenant_id AS tenant, u.reason, u.hour, sum(u.units) AS units FROM (
       SELECT s.customer_id, to_timestamp(r.hour * 3600.0) AS hour, r.waiting_reason AS reason, r.event_sum AS units
       FROM marketplace.rollup r JOIN marketplace.subject s ON s.id = r.subject
       WHERE r.record_id IS NULL AND NOT r.is_split
       UNION ALL SELECT customer_id, hour, reason, event_sum FROM marketplace.metering_record
       WHERE kind = 'setApart' AND disposition IS DISTINCT FROM 'annulled'
     ) u JOIN marketplace.customer c ON c.id = u.customer_id
     WHERE u.reason IN ('afterEnd', 'beforeStart', 'noSubscription') GROUP BY 1, 2, 3`,
  );
  return rows.flatMap(({ tenant, reason, hour, units }) => {
    const last = agreements.get(tenant);
    const inForce = simulator.agreements().some(({ accountId, startsAt, endsAt }) => {
      const until = endsAt?.getTime() ?? Infinity;
      // An hour in which something changes is shared.
      return accountId === last?.accountId && startsAt < hour && hour.getTime() + HOUR_MS < until;
    });
    return inForce
      ? [`${units} units of ${tenant} in ${hour.toISOString()} stand as ${reason}, and it was in force`]
      : [];
  });
}
