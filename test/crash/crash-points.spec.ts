import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type JobName, type Options } from '../../src/index.js';
import { LedgerHarness } from '../support/ledger-harness.js';
import { repositoryRoot } from '../support/processes.js';
import { RecordedUsage } from '../support/recorded-usage.js';
import { type Fate, ReplicaCrew } from './child-replica.js';

/** What a death leaves behind: records in the ledger by state, evidence of their attempts, and whether AWS has billed them. */
interface Remains {
  records: string;
  evidence: string;
  billed: boolean;
}

const NOTHING: Remains = { records: 'none', evidence: 'none', billed: false };
const SEALED: Remains = { records: '2 pending', evidence: 'none', billed: false };
const CLAIMED: Remains = { records: '2 sending', evidence: '2 uncertain', billed: false };
const SENT: Remains = { records: '2 sending', evidence: '2 uncertain', billed: true };
const ANSWERED: Remains = { records: '2 metered', evidence: '2 billed', billed: true };

/** Every named instruction of seal, submit and reconcile at which the process may die, and what must be left of it then. */
const POINTS: Record<string, Remains> = {
  'seal.claimed': NOTHING,
  'seal.stamped': NOTHING,
  'seal.followed': NOTHING,
  'seal.written': NOTHING,
  'seal.committed': SEALED,
  'submit.claimed': CLAIMED,
  'submit.beforeCall': CLAIMED,
  'submit.afterCall': SENT,
  'submit.reconciling': SENT,
  'submit.reconciled': ANSWERED,
};

/** The same of the deadline watch, over records that AWS refused until their cutoff. */
const DEADLINE_POINTS: Record<string, Remains> = {
  'deadline.finishing': { records: '2 pending', evidence: '2 refused', billed: false },
  'deadline.finished': { records: '2 closed', evidence: '2 refused', billed: false },
};

/** Of the delivery of events, in test/events/killed-process.spec.ts. */
const ELSEWHERE = ['deliver.claimed', 'deliver.handled'];

/** The same of the hand-over of units to a successor: the record, and the successor's event. */
const TRANSFER_POINTS = { 'transfer.moving': { record: 'held', events: 0 }, 'transfer.moved': { record: 'transferred', events: 1 } };

/** Longer than any test: that it ends is the test's own doing, so that nothing here depends on speed. One sender, so that one death is all. */
const LEASE = { submission: { leaseMs: 600_000, requestTimeoutMs: 20_000, concurrency: 1 } };

const READINGS = [
  { aws: 'success', option: 'unknown' },
  { aws: 'success', option: 'success' },
  { aws: 'duplicateRecord', option: 'unknown' },
] as const;

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));
}

it('every crash point named in the sources is under test here', () => {
  const named = sourceFiles(path.join(repositoryRoot, 'src')).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bcrashPoint\('([^']+)'\)/g)].map((match) => match[1] ?? ''),
  );
  expect([...new Set(named)].sort()).toEqual([...Object.keys({ ...POINTS, ...DEADLINE_POINTS, ...TRANSFER_POINTS }), ...ELSEWHERE].sort());
});

async function remainsOf(harness: LedgerHarness, id: string, licenseArn: string): Promise<Remains> {
  const tally = async (sql: string): Promise<string> => {
    const rows = await harness.database.query<{ tally: string }>(sql, [id]);
    return rows.map((row) => row.tally).join(', ') || 'none';
  };
  return {
    records: await tally(
      `SELECT count(*) || ' ' || state AS tally FROM marketplace.metering_record WHERE subscription_id = $1 GROUP BY state ORDER BY state`,
    ),
    evidence: await tally(
      `SELECT count(*) || ' ' || evidence AS tally FROM marketplace.attempt_record e JOIN marketplace.metering_record r ON r.id = e.record_id
       WHERE r.subscription_id = $1 GROUP BY evidence ORDER BY evidence`,
    ),
    billed: harness.simulator.bill({ licenseArn }).length > 0,
  };
}

class World {
  readonly usage: RecordedUsage;

  private constructor(
    readonly harness: LedgerHarness,
    private readonly options: Options,
  ) {
    this.usage = new RecordedUsage(harness);
  }

  static async start({ aws, option }: (typeof READINGS)[number]): Promise<World> {
    const options = { aws: { identicalResend: option }, ...LEASE };
    return new World(await LedgerHarness.start({ simulator: { switches: { identicalResend: aws } }, options }), options);
  }

  /** A buyer who has used two dimensions in an hour that is over. */
  async buyer(): Promise<{ id: string; licenseArn: string }> {
    const { id, agreement } = await this.harness.subscribe();
    await this.usage.record(
      { subscriptionId: id, dimension: 'requests', quantity: '4.5' },
      { subscriptionId: id, dimension: 'requests', quantity: '2.25', tags: { team: 'blue' } },
      { subscriptionId: id, dimension: 'storage', quantity: '9' },
    );
    this.harness.advance(2);
    return { id, licenseArn: agreement.licenseArn };
  }

  async killedAt(point: string, jobs: JobName[], options: Options = {}): Promise<void> {
    const child = crew.take({ crashAt: point });
    child.order(this.harness, jobs, { ...this.options, ...options });
    expect(await child.ended()).toEqual({ code: null, signal: 'SIGKILL' });
  }
}

/** Only where AWS has the record already do the readings differ. */
const readingsAt = ({ evidence, billed }: Remains): number => (evidence.endsWith('uncertain') && billed ? READINGS.length : 1);

// Children load for as long as a busy machine takes.
jest.setTimeout(90_000);

let worlds: World[] = [];
const crew = new ReplicaCrew([
  ...Object.entries({ ...POINTS, ...DEADLINE_POINTS }).flatMap(([crashAt, remains]) => Array<Fate>(readingsAt(remains)).fill({ crashAt })),
  ...Object.keys(TRANSFER_POINTS).map((crashAt) => ({ crashAt })),
]);

beforeAll(async () => {
  worlds = await Promise.all(READINGS.map((reading) => World.start(reading)));
});

afterAll(async () => {
  await crew.dismiss();
  await Promise.all(worlds.map(({ harness }) => harness.stop()));
});

describe('killed, and what it began is ended by another replica, every unit once', () => {
  it.each(Object.entries(POINTS))('at %s', async (point, remains) => {
    const isUnderLease = remains.evidence.endsWith('uncertain');
    await Promise.all(
      worlds.slice(0, readingsAt(remains)).map(async (world) => {
        const { harness, usage } = world;
        const { id, licenseArn } = await world.buyer();
        await world.killedAt(point, ['seal', 'submit']);
        expect(await remainsOf(harness, id, licenseArn)).toEqual(remains);

        if (isUnderLease) {
          await harness.settle(1);
          expect(await remainsOf(harness, id, licenseArn)).toEqual(remains);
          await harness.expireLeases();
        }
        await harness.settle();
        await usage.expectAllMetered();
      }),
    );
  });

  it.each(Object.entries(DEADLINE_POINTS))('at %s', async (point, remains) => {
    const [world] = worlds;
    const { harness, usage } = world!;
    const { id, licenseArn } = await world!.buyer();
    const fault = harness.simulator.faults.add({ kind: 'accessDenied' });
    await harness.settle(1);
    fault.remove();
    harness.advance(26);
    await world!.killedAt(point, ['deadline']);
    expect(await remainsOf(harness, id, licenseArn)).toEqual(remains);

    await harness.run('deadline');
    await harness.settle();
    await usage.expectAllMetered();
  });

  it.each(Object.entries(TRANSFER_POINTS))('at %s', async (point, remains) => {
    const [world] = worlds;
    const { harness, usage } = world!;
    const [old, heir] = [await harness.subscribe(), await harness.subscribe()];
    await usage.record({ subscriptionId: old.id, dimension: 'requests', quantity: '0.5' });
    await harness.subscriptions.end(old.id);
    await harness.settle();
    harness.advance(1.5);
    await harness.run('seal');
    await harness.database.query(`UPDATE marketplace.subscription SET predecessor_id = $2 WHERE id = $1`, [heir.id, old.id]);
    await world!.killedAt(point, ['deadline'], { onEnded: 'transfer' });
    const stands = async (): Promise<unknown> => {
      const [record] = await harness.records<{ disposition: string }>(`subscription_id = '${old.id}' AND kind = 'closing'`);
      const events = await harness.database.query(`SELECT 1 FROM marketplace.usage_event WHERE subscription_id = $1`, [heir.id]);
      return { record: record?.disposition, events: events.length };
    };
    expect(await stands()).toEqual(remains);

    const other = await harness.replica({ options: { onEnded: 'transfer' } });
    await other.run('deadline').finally(() => other.stop());
    expect(await stands()).toEqual({ record: 'transferred', events: 1 });
    usage.add({ subscriptionId: heir.id, dimension: 'requests', quantity: 0.5 });
    // It goes out with usage of the successor's own.
    await usage.record({ subscriptionId: heir.id, dimension: 'requests', quantity: '0.5' });
    harness.advance(1.5);
    await harness.settle();
    const balances = await harness.metering.balance();
    expect(balances.find(({ subscriptionId }) => subscriptionId === heir.id)?.byState).toEqual({ metered: '1' });
    await harness.expectConserved();
  });
});
