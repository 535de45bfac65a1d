import { eventIdOf } from '../../src/metering/recording/event-id.js';
import { meteredRecords, tableViolations } from '../support/ledger-judge.js';
import { grainOfLine, SELLER } from '../support/market.js';
import { sumOf, whereUnitsAre } from '../support/whereabouts.js';
import { type SoakWorld } from './soak-world.js';

export interface Verdict {
  counts: Record<string, unknown>;
  mismatches: string[];
}

/** The host's journal against the ledger, and the ledger against AWS's bill. */
export async function verdictOf(world: SoakWorld): Promise<Verdict> {
  const { database, simulator, journal } = world;
  const rows = await database.query<{ id: string; quantity: string }>(
    'SELECT id, quantity FROM marketplace.usage_event',
  );
  const ledger = new Map(rows.map(({ id, quantity }) => [id, Number(quantity)]));
  const mismatches: string[] = [];
  let unansweredAndRecorded = 0;
  let units = 0;
  for (const { key, tenantId, quantity, state, code } of journal.entries) {
    const id = eventIdOf({ sellerAccount: SELLER, scope: { kind: 'tenant', name: tenantId }, key });
    const recorded = ledger.get(id);
    ledger.delete(id);
    if (state === 'acknowledged' && recorded === undefined) mismatches.push(`${key} was acknowledged and is not there`);
    if (recorded !== undefined && recorded !== quantity)
      mismatches.push(`${key} of ${quantity} is there as ${recorded}`);
    if (recorded === undefined) continue;
    units += quantity;
    if (state !== 'acknowledged') unansweredAndRecorded += 1;
    if (state === 'refused' && !isUnsure(code)) mismatches.push(`${key} was refused (${code ?? ''}) and is there`);
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
  // What AWS has and the ledger does not hold as billed must stand there as unknown, or as in conflict.
  const doubtful = await database.query<{ n: number; units: string | null }>(
    `SELECT count(*)::int AS n, sum(quantity * block) AS units FROM marketplace.metering_record
     WHERE state IN ('unknown', 'blocked', 'pending', 'sending')`,
  );
  if (billed.size > (doubtful[0]?.n ?? 0))
    mismatches.push(`billed, and the ledger knows nothing of it: ${[...billed.keys()].join('; ')}`);
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

/** Refusals that do not say whether the usage stands: the database was away, or did not answer in time. */
function isUnsure(code: string | undefined): boolean {
  return code !== 'OPTIONS_INVALID' && code !== 'USAGE_REFUSED';
}
