import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { type INestApplication } from '@nestjs/common';
import { type Fault, type Switches, type SeededRandom } from 'aws-marketplace-simulator';
import { RecordResolution } from '../../src/index.js';
import { HOUR_MS } from '../../src/runtime/clock.js';
import { type Buyer } from '../support/buyer.js';
import { eventually } from '../support/processes.js';
import { pick, seededRun } from '../support/seeded-run.js';
import { DIMENSIONS, PRODUCT_CODE, type Usage, World } from '../support/world.js';

const STEPS = 120;
/** Two days before a month ends, so that most lives pass its edge. */
const BIRTH = new Date('2026-11-29T05:20:00Z');
const MINUTE_MS = 60_000;
const operation = 'BatchMeterUsage';

/** Readings of AWS's open questions: the module has to be right under each. */
function readingsOf(random: SeededRandom, seed: number): Partial<Switches> {
  return {
    // By turns, not by chance: it is the question on which billing twice depends.
    identicalResend: seed % 2 === 0 ? 'success' : 'duplicateRecord',
    lateWindowFrom: pick(random, ['now', 'currentHour']),
    monthEndGrace: pick(random, ['capOnly', 'extends']),
    finalHour: pick(random, ['accepted', 'refused']),
    usageAfterEnd: pick(random, ['InvalidLicenseException', 'CustomerNotSubscribed']),
    badLicense: pick(random, ['wholeBatch', 'perRecord']),
    resultOrder: pick(random, ['request', 'reversed', 'shuffled']),
  };
}

function faultOf(random: SeededRandom): Fault {
  const some = (): boolean => random.next() < 0.5;
  const probability = pick(random, [0.3, 1]);
  return pick<Fault>(random, [
    { kind: 'throttle', operation, probability },
    { kind: 'resetBefore', operation, probability },
    { kind: 'resetAfter', operation, probability },
    { kind: 'error500Before', operation, probability },
    { kind: 'error500After', operation, probability },
    { kind: 'accessDenied', operation, probability },
    { kind: 'expiredCredentials', operation, probability },
    { kind: 'unknownError', operation, probability, name: 'NobodyKnowsThisException', afterEffect: some() },
    { kind: 'unprocessed', operation, probability, subset: some, afterEffect: some },
    { kind: 'truncateResults', operation, probability, drop: 2, afterEffect: some() },
    { kind: 'unknownStatus', operation, probability: 0.3, status: 'Pondering', subset: 1, afterEffect: some() },
  ]);
}

class Life {
  private readonly buyers: Buyer[] = [];
  private readonly ended = new Set<string>();
  private readonly recorded: Usage[] = [];

  constructor(
    private readonly world: World,
    private readonly other: INestApplication,
    private readonly random: SeededRandom,
  ) {}

  async subscribe(): Promise<void> {
    this.buyers.push(await this.world.join(`tenant-${this.buyers.length}`));
  }

  async step(): Promise<string> {
    const { world, random } = this;
    const deeds: [number, string, () => Promise<unknown>][] = [
      [12, 'record', () => this.record()],
      [2, 'record again', () => this.recordAgain()],
      [
        6,
        'advance',
        async () => {
          world.clock.advance((1 + random.integer(100)) * MINUTE_MS);
        },
      ],
      [
        1,
        'advance far',
        async () => {
          world.clock.advance((4 + random.integer(14)) * HOUR_MS);
        },
      ],
      [7, 'seal', () => world.run('seal')],
      [7, 'submit', () => world.run('submit')],
      [3, 'deadline', () => world.run('deadline')],
      [2, 'recovery', () => world.run('recovery')],
      [3, 'overtaken', () => this.overtaken()],
      [3, 'fault', async () => world.simulator.faults.add(faultOf(random))],
      [
        4,
        'mend',
        async () => {
          world.simulator.faults.clear();
        },
      ],
      [1, 'suspend', async () => world.simulator.suspend(pick(random, this.buyers).agreement)],
      [2, 'reinstate', async () => world.simulator.reinstate(pick(random, this.buyers).agreement)],
      [1, 'subscribe', () => this.subscribe()],
      [1, 'end', () => this.end()],
      [1, 'requeue', () => this.requeue()],
    ];
    let lot = random.integer(deeds.reduce((sum, [weight]) => sum + weight, 0));
    const deed = deeds.find(([weight]) => (lot -= weight) < 0);
    await deed?.[2]();
    return deed?.[1] ?? '';
  }

  private async record(): Promise<void> {
    const { random, world } = this;
    const isCorrection = random.next() < 0.1;
    const event: Usage = {
      tenantId: pick(random, this.buyers).tenantId,
      dimension: pick(random, DIMENSIONS),
      quantity: String((isCorrection ? -1 : 1) * (random.integer(5000) / 1000)),
      occurredAt: new Date(world.now().getTime() - (random.next() < 0.3 ? random.integer(30 * 60) : 0) * MINUTE_MS),
      idempotencyKey: `event-${this.recorded.length}`,
      ...(isCorrection ? { reason: 'counted twice' } : {}),
      ...(random.next() < 0.2 ? { tags: { team: pick(random, ['blue', 'green']) } } : {}),
    };
    await world.record(event);
    this.recorded.push(event);
  }

  private async recordAgain(): Promise<void> {
    if (this.recorded.length === 0) return;
    expect(await this.world.record(pick(this.random, this.recorded), {}, this.other)).toMatchObject({
      outcome: 'duplicate',
    });
  }

  /**
   * A sender is frozen with its calls under way; another replica takes its records over, and then the first comes to.
   */
  private async overtaken(): Promise<void> {
    const { world, other, random } = this;
    const isAfter = random.next() < 0.5;
    const latency = world.simulator.faults.add({ kind: 'latency', operation, ms: 80, count: 3, afterEffect: isAfter });
    let isOver = false;
    const frozen = world.run('submit').finally(() => {
      isOver = true;
    });
    await eventually('its call is under way, or it has none', () => isOver || latency.hits > 0);
    await world.expireLeases();
    await world.runOn(other, 'recovery');
    // The backoff of what was taken over; less than the latency.
    await sleep(10);
    await world.runOn(other, 'submit');
    await frozen;
    latency.remove();
  }

  private async end(): Promise<void> {
    const { world, random } = this;
    const buyer = pick(random, this.buyers);
    if (this.ended.has(buyer.tenantId)) return;
    this.ended.add(buyer.tenantId);
    buyer.cancel();
    await world.hear();
  }

  private async requeue(): Promise<void> {
    const { world, random } = this;
    const blocked = await world.records<{ id: string }>(
      `state = 'blocked' AND cutoff_at > '${world.now().toISOString()}'`,
    );
    if (blocked.length > 0) await world.app.get(RecordResolution).requeue(pick(random, blocked).id, { by: 'operator' });
  }

  /**
   * AWS is well again and every buyer in good standing: what is still open goes out, ends at its deadline, or is
   * settled by an audit.
   */
  async settleAll(): Promise<void> {
    const { world } = this;
    world.simulator.faults.clear();
    for (const { agreement } of this.buyers) world.simulator.reinstate(agreement);
    for (let day = 0; day < 4; day += 1) {
      await world.work();
      await world.expireLeases();
      await world.run('recovery');
      world.clock.advance(26 * HOUR_MS);
      await world.run('deadline');
      await this.audit();
      await world.run('reconcile', 'inbox');
      await world.expectBalanced();
    }
    await world.work();
  }

  /** Compares what is unknown with what AWS has, as an operator does with CloudTrail. */
  private async audit(): Promise<void> {
    const { world } = this;
    const bill = world.simulator.bill();
    const unknown = await world.database.query<{ id: string; license_arn: string; dimension: string; hour: Date }>(
      `SELECT r.id, r.dimension, r.hour, i.license_arn FROM marketplace.metering_record r
        JOIN marketplace.metering_identity i ON i.id = r.identity_id
       WHERE r.state = 'unknown'`,
    );
    for (const record of unknown) {
      const line = bill.find(
        ({ licenseArn, dimension, hour }) =>
          licenseArn === record.license_arn && dimension === record.dimension && hour === record.hour.toISOString(),
      );
      const finding = line
        ? { found: { meteringRecordId: line.meteringRecordId } }
        : { absentWithFullCoverage: true as const };
      await world.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
    }
  }

  /** At the end nothing is open: the bill is the ledger, and what is not billed has a reason. */
  async expectAllSettled(): Promise<void> {
    const { world } = this;
    const { records = {}, waiting = {} } = await world.expectConserved();
    // Nobody else meters these buyers, so AWS never has anything but what this ledger sent, and nothing is billed that
    // was given up.
    expect(
      await world.database.query(`SELECT * FROM marketplace.alert WHERE kind IN ('conflict', 'overBilled')`),
    ).toEqual([]);
    expect(waiting).toEqual({});
    expect(Object.keys(records).filter((name) => !/^(held|owed|setApart)/.test(name))).toEqual([]);
    const ended = this.buyers
      .filter(({ tenantId }) => this.ended.has(tenantId))
      .map(({ subscriptionId }) => subscriptionId);
    // Whoever stays has nothing held, and less than a whole unit carried.
    const rest = await world.records<{ kind: string; subscription_id: string | null }>(
      `state = 'closed' AND disposition <> 'annulled'`,
    );
    expect(rest.filter(({ subscription_id: id }) => id !== null && !ended.includes(id))).toEqual([]);
    expect(await world.database.query(`SELECT * FROM marketplace.balance WHERE carry >= 1`)).toEqual([]);
  }
}

it.each([1, 2])(
  'a life of usage, faults, deadlines and ends, seed %i: conserved at every step, and in the end the bill is the ' +
    'ledger',
  async (number) => {
    await seededRun(number, async (random, seed) => {
      const world = await World.start({
        ...{ startAt: BIRTH, lists: [PRODUCT_CODE], simulator: { seed, switches: readingsOf(random, seed) } },
        options: { aws: { identicalResend: 'unknown' }, submission: { requestTimeoutMs: 1000, leaseMs: 60_000 } },
      });
      const other = await world.addReplica();
      try {
        const life = new Life(world, other, random);
        for (let buyer = 0; buyer < 3; buyer += 1) await life.subscribe();
        const story: string[] = [];
        try {
          for (let step = 0; step < STEPS; step += 1) {
            story.push(await life.step());
            await world.expectBalanced();
          }
          await life.settleAll();
          await life.expectAllSettled();
        } catch (error) {
          if (error instanceof Error) error.message = `after ${story.join(', ')}: ${error.message}`;
          throw error;
        }
      } finally {
        await world.stop();
      }
    });
  },
);
