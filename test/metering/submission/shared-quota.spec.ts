import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LedgerDatabase } from '../../../src/database/ledger-database.js';
import { spreadOf } from '../../../src/metering/sealing/ledger-spread.js';
import { retryDelayMs } from '../../../src/metering/settlement/retry-pace.js';
import { takeSender } from '../../../src/metering/settlement/metering-sender.sql.js';
import { CONTAINER, InstalledWorld } from '../../support/installed-world.js';

// K10 at its full size: ten calls a second of one buyer account and region, for the software of all its vendors. With
// three replicas, to the bill and through 40 minutes of throttling: test/cases/metered-fleets.spec.ts.

/** A generator that each ledger has of its own. */
function drawn(seed: number): () => number {
  let state = (seed + 1) * 2_654_435_761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('K10 (a): sixty replicas with one ledger', () => {
  let world: InstalledWorld;

  beforeAll(async () => {
    world = await InstalledWorld.start();
    await world.pod();
  });
  afterAll(() => world.stop());

  it('one of them sends, whoever comes first, and no other claims a record', async () => {
    const database = world.pods[0]!.app.get(LedgerDatabase);
    const [product] = await database.query<{ seller_account: string }>(
      `SELECT seller_account FROM marketplace.product WHERE product_code = $1`,
      [CONTAINER],
    );
    const resource = { id: 'pod', region: 'us-east-1', startedAt: world.clock.now() };
    for (let round = 0; round < 3; round += 1) {
      const taken = await Promise.all(
        Array.from({ length: 60 }, (_, replica) =>
          takeSender(database, product!.seller_account, CONTAINER, {
            ...{ holder: `replica-${round}-${replica}`, resource, leaseMs: 60_000 },
          }),
        ),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      await world.expireLeases();
    }
  });
});

describe('K10 (b): sixty pods with a ledger and ten dimensions each', () => {
  /** Defaults of settleDelayMs, submission.spreadMs, jobs.submitIntervalMs, aws.callsPerSecond.meterUsage. */
  const [SETTLE_MS, SPREAD_MS, TICK_MS, OWN_RATE] = [600_000, 300_000, 15_000, 5];
  const BOUNDS = { backoffBaseMs: 1000, backoffCapMs: 300_000 };
  const QUOTA = 10;

  it.each([1, 2, 3])('are 600 calls, at most ten a second, all taken by 11:30 (draw %d)', (seed) => {
    interface Waiting {
      at: number;
      ledger: number;
    }
    const ledgers = Array.from({ length: 60 }, (_, index) => ({
      random: drawn(seed * 1000 + index),
      freeAt: 0,
      at: SETTLE_MS + spreadOf(`ledger-${seed}-${index}`, 'larkspur', SPREAD_MS),
    }));
    const waiting: Waiting[] = ledgers.flatMap(({ at }, ledger) => Array.from({ length: 10 }, () => ({ at, ledger })));
    // AWS's bucket: a second's worth of calls at once, filled evenly.
    let [tokens, filledAt, calls] = [QUOTA, 0, 0];
    const taken: number[] = [];
    while (waiting.length > 0) {
      waiting.sort((a, b) => a.at - b.at);
      const record = waiting[0]!;
      const ledger = ledgers[record.ledger]!;
      // Each ledger keeps a pace of its own, and its job runs every 15 seconds.
      if (record.at < ledger.freeAt) {
        record.at = ledger.freeAt;
        continue;
      }
      ledger.freeAt = record.at + 1000 / OWN_RATE;
      calls += 1;
      tokens = Math.min(QUOTA, tokens + ((record.at - filledAt) / 1000) * QUOTA);
      filledAt = record.at;
      if (tokens >= 1) {
        tokens -= 1;
        taken.push(record.at);
        waiting.shift();
        continue;
      }
      const due = record.at + (retryDelayMs('throttled', 1, BOUNDS, ledger.random()) ?? 0);
      record.at = Math.ceil(due / TICK_MS) * TICK_MS;
    }
    expect(taken).toHaveLength(600);
    expect(taken.at(-1)).toBeLessThan(30 * 60_000);
    // Jitter, and not AWS's refusals, spreads them: few calls are refused.
    expect(calls).toBeLessThan(900);
    const minutes = new Set(taken.map((at) => Math.floor(at / 60_000)));
    expect(minutes.size).toBeGreaterThanOrEqual(5);
  });
});
