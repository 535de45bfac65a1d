import { expect } from '@jest/globals';
import { type History, type Use } from './history.js';
import { agreementsOf, verdictOf } from './oracle.js';
import { type PlayedWorld } from './played-world.js';
import { isTold } from './tellings.js';

const MINUTE_MS = 60_000;

/** Where the ledger has an event. */
interface Placed {
  key: string;
  occurred_at: Date;
  sealed_at: Date | null;
  state: string | null;
  disposition: string | null;
  agreement: string | null;
  price: 'trial' | 'paid' | null;
  kind: string | null;
  /** AWS had billed it, or may have, before the fact was heard by which it stands wrong: the record says so. */
  is_noted: boolean;
}

const PLACES = `
  SELECT e.key, e.occurred_at, r.sealed_at, r.state, r.disposition, r.kind, p.price, r.notes ? 'movedSince' AS is_noted,
         (SELECT n.name FROM marketplace.agreement_name n WHERE n.kind = 'agreement' AND n.agreement_id IN (
            SELECT a.id FROM marketplace.agreement a WHERE a.id = p.agreement_id OR a.alias_of = p.agreement_id
               OR a.id = (SELECT b.alias_of FROM marketplace.agreement b WHERE b.id = p.agreement_id))
                 LIMIT 1) AS agreement
  FROM marketplace.usage_event e
  LEFT JOIN (SELECT unnest(ids) AS id, rollup_id FROM marketplace.rollup_event) re ON re.id = e.id
  LEFT JOIN marketplace.rollup u ON u.id = re.rollup_id
  LEFT JOIN marketplace.metering_record r ON r.id = u.record_id
  LEFT JOIN marketplace.period p ON p.id = r.period_id
  WHERE u.id IS NULL OR NOT u.is_split`;

export interface Figures {
  histories: number;
  agreements: number;
  events: number;
  units: number;
  billed: number;
  certain: number;
  faults: number;
  /**
   * Units that stand in another period than the oracle’s, or in one though in none of his, with a note: AWS had taken
   * them before the fact was heard.
   */
  misplaced: number;
}

export interface Judgement {
  figures: Figures;
  /** A line for each use that is not where the oracle has it, with the history and what the ledger knows of it. */
  wrong: string[];
}

/** Compares what the ledger and AWS’s bill say with the oracle. */
export async function judge(played: PlayedWorld): Promise<Judgement> {
  const { world, players, recipe, faults } = played;
  await world.expectConserved();
  const places = new Map((await world.database.query<Placed>(PLACES)).map((row) => [row.key, row]));
  const figures: Figures = {
    histories: 0,
    agreements: 0,
    events: 0,
    units: 0,
    billed: 0,
    certain: 0,
    faults,
    misplaced: 0,
  };
  const wrong: string[] = [];
  for (const { history, agreementIds, subscriptionIds } of players) {
    const faultsFound: string[] = [];
    const agreements = agreementsOf(history);
    expect({ history: history.name, agreements: agreementIds.length }).toEqual({
      history: history.name,
      agreements: agreements.length,
    });
    for (const [index, agreementId] of agreementIds.entries()) {
      // A legacy start may be told before AWS has named its agreement.
      if (recipe.messages === 'known' && history.identity === 'license' && !isTold(world.heard, agreementId))
        faultsFound.push(`${historyOf(history)}: no host heard that agreement ${index} is in force`);
    }
    figures.histories += 1;
    figures.agreements += agreements.length;
    for (const use of history.uses) {
      const place = places.get(use.key);
      const verdict = verdictOf(history, agreements, use);
      const units = use.quarters / 4;
      figures.events += 1;
      figures.units += units;
      if (!place) {
        faultsFound.push(`${about(history, use)}: it is nowhere`);
        continue;
      }
      const inPeriod = place.kind === 'hour' || place.kind === 'closing';
      if (place.state === 'metered') figures.billed += units;
      const isNoted = recipe.messages === 'wild' && place.is_noted;
      if (verdict.place !== 'period') {
        const endsAt = agreements[agreementIds.indexOf(place.agreement ?? '')]?.endsAt ?? null;
        const sinceMs = endsAt === null ? -1 : (use.occurredAt - endsAt) * MINUTE_MS;
        const isUnaware = inPeriod && recipe.messages === 'wild' && (await wasUnaware(played, place, sinceMs));
        if (inPeriod && (isNoted || isUnaware)) figures.misplaced += units;
        else if (inPeriod)
          faultsFound.push(
            `${about(history, use)}: nobody pays for it (${verdict.place}), and it is priced by ` +
              `${place.agreement} ${place.price} (${place.state} ${place.disposition ?? ''})`,
          );
        continue;
      }
      if (verdict.isCertain) figures.certain += units;
      const isRight = place.agreement === agreementIds[verdict.agreement] && place.price === verdict.price;
      if (inPeriod && !isRight) {
        if (isNoted) figures.misplaced += units;
        else
          faultsFound.push(
            `${about(history, use)}: belongs to agreement ${verdict.agreement} ${verdict.price}, and is priced ` +
              'by agreement ' +
              `${agreementIds.indexOf(place.agreement ?? '')} ${place.price} (${place.state} ` +
              `${place.disposition ?? ''})`,
          );
      } else if (recipe.messages === 'known' && verdict.isCertain && place.state !== 'metered')
        faultsFound.push(
          `${about(history, use)}: AWS takes it for sure, and it is ${place.state ?? 'waiting'} ` +
            (place.disposition ?? ''),
        );
    }
    if (faultsFound.length > 0)
      wrong.push(...faultsFound, `of ${history.name} the ledger has heard: ${await heardOf(played, subscriptionIds)}`);
  }
  return { figures, wrong };
}

/**
 * Whether a use of so long after its agreement's end was sealed before anything was heard of that end. It stays where it
 * is then, as what nobody pays has no other place: AWS refuses it, or has taken it.
 */
async function wasUnaware(
  { world }: PlayedWorld,
  { key, occurred_at: usedAt, sealed_at: sealedAt }: Placed,
  sinceMs: number,
): Promise<boolean> {
  if (sealedAt === null || sinceMs < 0) return false;
  const endsAt = new Date(usedAt.getTime() - sinceMs);
  const [row] = await world.database.query<{ is_aware: boolean }>(
    `SELECT EXISTS (
       SELECT FROM marketplace.usage_event e
       JOIN marketplace.rollup_event re ON e.id = ANY (re.ids)
       JOIN marketplace.rollup u ON u.id = re.rollup_id
       JOIN marketplace.metering_record r ON r.id = u.record_id
       JOIN marketplace.subscription s ON s.id = r.subscription_id
       JOIN marketplace.fact f ON f.buyer_id = s.buyer_id
       CROSS JOIN LATERAL unnest(CASE WHEN f.type <> 'agreement.found' THEN ARRAY[f.at]
         WHEN f.details ->> 'status' = 'ACTIVE' THEN ARRAY[]::timestamptz[]
         ELSE ARRAY[f.at, (f.details ->> 'endTime')::timestamptz, (f.details ->> 'lastUpdateTime')::timestamptz] END) AS told
       WHERE e.key = $1 AND f.heard_at <= $2 AND told BETWEEN $3::timestamptz - interval '1 minute' AND $4
         AND f.type IN ('agreement.found', 'agreement.ended', 'license.deprovisioned', 'legacy.unsubscribePending',
           'legacy.unsubscribed')) AS is_aware`,
    [key, sealedAt.toISOString(), endsAt.toISOString(), usedAt.toISOString()],
  );
  return row?.is_aware === false;
}

/** The facts that the ledger has of a buyer, in the order in which they were heard. */
async function heardOf({ world }: PlayedWorld, subscriptionIds: readonly string[]): Promise<string> {
  const facts = await world.database.query<{ type: string; at: Date; heard_at: Date; details: object }>(
    `SELECT type, at, heard_at, details FROM marketplace.fact WHERE buyer_id IN (
       SELECT buyer_id FROM marketplace.subscription WHERE id = ANY ($1::uuid[])) ORDER BY heard_at, at`,
    [subscriptionIds],
  );
  return facts
    .map(({ type, at, heard_at: heardAt, details }) => {
      const [happened, heard] = [at, heardAt].map((instant) => instant.toISOString().slice(8, 19));
      return `${heard} ${type} of ${happened} ${JSON.stringify(details)}`;
    })
    .join('; ');
}

function about(history: History, use: Use): string {
  return (
    `${historyOf(history)}, use ${use.key} of ${use.quarters / 4} at ` +
    `${clock(use.occurredAt)} by ${use.by}, recorded ${clock(use.at)}`
  );
}

function historyOf({ name, identity, acts }: History): string {
  const told = acts.map(
    ({ at, kind, ...rest }) => `${clock(at)} ${kind}${Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''}`,
  );
  return `history ${name} (${identity}: ${told.join('; ')})`;
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
