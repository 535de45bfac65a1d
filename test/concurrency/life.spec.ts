import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { type Agreement, type Fault, type Switches, type SeededRandom } from 'aws-marketplace-simulator';
import { RecordResolution, type UsageEvent } from '../../src/index.js';
import { DIMENSIONS, LedgerHarness } from '../support/ledger-harness.js';
import { eventually } from '../support/processes.js';
import { RecordedUsage } from '../support/recorded-usage.js';
import { pick, seededRun } from '../support/seeded-run.js';

const STEPS = 200;
/** Two days before a month ends, so that most lives pass its edge. */
const BIRTH = new Date('2026-11-29T05:20:00Z');
const MINUTE_MS = 60_000;
const operation = 'BatchMeterUsage';

interface Buyer {
  id: string;
  agreement: Agreement;
}

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
  private readonly recorded: UsageEvent[] = [];
  readonly usage: RecordedUsage;

  constructor(
    private readonly harness: LedgerHarness,
    private readonly other: LedgerHarness,
    private readonly random: SeededRandom,
  ) {
    this.usage = new RecordedUsage(harness);
  }

  async subscribe(): Promise<void> {
    this.buyers.push(await this.harness.subscribe());
  }

  async step(): Promise<string> {
    const { harness, random } = this;
    const deeds: [number, string, () => Promise<unknown>][] = [
      [12, 'record', () => this.record()],
      [2, 'record again', () => this.recordAgain()],
      [
        6,
        'advance',
        async () => {
          harness.advance((1 + random.integer(100)) / 60);
        },
      ],
      [
        1,
        'advance far',
        async () => {
          harness.advance(4 + random.integer(14));
        },
      ],
      [7, 'seal', () => harness.run('seal')],
      [7, 'submit', () => harness.run('submit')],
      [3, 'deadline', () => harness.run('deadline')],
      [2, 'recovery', () => harness.run('recovery')],
      [3, 'overtaken', () => this.overtaken()],
      [3, 'fault', async () => harness.simulator.faults.add(faultOf(random))],
      [
        4,
        'mend',
        async () => {
          harness.simulator.faults.clear();
        },
      ],
      [1, 'suspend', async () => harness.simulator.suspend(pick(random, this.buyers).agreement)],
      [2, 'reinstate', async () => harness.simulator.reinstate(pick(random, this.buyers).agreement)],
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
    const { random, harness } = this;
    const isCorrection = random.next() < 0.1;
    const event: UsageEvent = {
      subscriptionId: pick(random, this.buyers).id,
      dimension: pick(random, DIMENSIONS),
      quantity: String((isCorrection ? -1 : 1) * (random.integer(5000) / 1000)),
      occurredAt: new Date(harness.clock.now().getTime() - (random.next() < 0.3 ? random.integer(30 * 60) : 0) * MINUTE_MS),
      idempotencyKey: `event-${this.recorded.length}`,
      ...(isCorrection ? { reason: 'counted twice' } : {}),
      ...(random.next() < 0.2 ? { tags: { team: pick(random, ['blue', 'green']) } } : {}),
    };
    await this.usage.record(event);
    this.recorded.push(event);
  }

  private async recordAgain(): Promise<void> {
    if (this.recorded.length === 0) return;
    expect(await this.other.metering.record(pick(this.random, this.recorded))).toMatchObject({ outcome: 'duplicate' });
  }

  /** A sender is frozen with its calls under way; another replica takes its records over, and then the first comes to. */
  private async overtaken(): Promise<void> {
    const { harness, other, random } = this;
    const isAfter = random.next() < 0.5;
    const latency = harness.simulator.faults.add({ kind: 'latency', operation, ms: 80, count: 3, afterEffect: isAfter });
    let isOver = false;
    const frozen = harness.run('submit').finally(() => {
      isOver = true;
    });
    await eventually('its call is under way, or it has none', () => isOver || latency.hits > 0);
    await harness.expireLeases();
    await other.run('recovery');
    // The backoff of what was taken over; less than the latency.
    await sleep(10);
    await other.run('submit');
    await frozen;
    latency.remove();
  }

  private async end(): Promise<void> {
    const { harness, random } = this;
    const buyer = pick(random, this.buyers);
    if (this.ended.has(buyer.id)) return;
    this.ended.add(buyer.id);
    harness.simulator.end(buyer.agreement);
    await harness.subscriptions.end(buyer.id);
  }

  private async requeue(): Promise<void> {
    const { harness, random } = this;
    const blocked = await harness.records<{ id: string }>(`state = 'blocked' AND cutoff_at > '${harness.clock.now().toISOString()}'`);
    if (blocked.length > 0) await harness.app.get(RecordResolution).requeue(pick(random, blocked).id, { by: 'operator' });
  }

  /** AWS is well again and every buyer in good standing: what is still open goes out, ends at its deadline, or is settled by an audit. */
  async settleAll(): Promise<void> {
    const { harness } = this;
    harness.simulator.faults.clear();
    for (const { agreement } of this.buyers) harness.simulator.reinstate(agreement);
    for (let day = 0; day < 4; day += 1) {
      await harness.settle();
      await harness.expireLeases();
      await harness.run('recovery');
      harness.advance(26);
      await harness.run('deadline');
      await this.audit();
      await harness.expectBalanced();
    }
    await harness.settle();
  }

  /** Compares what is unknown with what AWS has, as an operator does with CloudTrail. */
  private async audit(): Promise<void> {
    const { harness } = this;
    const bill = harness.simulator.bill();
    const unknown = await harness.records<{ id: string; license_arn: string; dimension: string; hour: Date }>("state = 'unknown'");
    for (const record of unknown) {
      const line = bill.find(
        ({ licenseArn, dimension, hour }) =>
          licenseArn === record.license_arn && dimension === record.dimension && hour === record.hour.toISOString(),
      );
      const finding = line ? { found: { meteringRecordId: line.meteringRecordId } } : { absentWithFullCoverage: true as const };
      await harness.app.get(RecordResolution).settleUnknown(record.id, finding, { by: 'auditor' });
    }
  }

  /** At the end nothing is open: the bill is the ledger, and what is not billed has a reason. */
  async expectAllSettled(): Promise<void> {
    const byState = await this.usage.expectAllAccounted();
    // Nobody else meters these buyers, so AWS never has anything but what this ledger sent, and nothing is billed that was given up.
    expect(await this.harness.database.query(`SELECT * FROM marketplace.alert WHERE kind IN ('conflict', 'overBilled')`)).toEqual([]);
    expect(Object.keys(byState).filter((state) => !['metered', 'held', 'owed'].includes(state) && byState[state] !== 0)).toEqual([]);
    for (const balance of await this.harness.metering.balance()) {
      expect(Number(balance.carry)).toBeLessThan(1);
      if (this.ended.has(balance.subscriptionId)) continue;
      expect(balance).toMatchObject({ unassigned: '0' });
      expect(Number(balance.byState.held ?? 0)).toBe(0);
    }
  }
}

it.each([1, 2, 3])(
  'a life of usage, faults, deadlines and ends, seed %i: conserved at every step, and in the end the bill is the ledger',
  async (number) => {
    await seededRun(number, async (random, seed) => {
      const identicalResend = 'unknown';
      const options = { aws: { identicalResend }, submission: { requestTimeoutMs: 1000, leaseMs: 60_000 } } as const;
      const harness = await LedgerHarness.start({ startAt: BIRTH, simulator: { seed, switches: readingsOf(random, seed) }, options });
      const other = await harness.replica({ options });
      try {
        const life = new Life(harness, other, random);
        for (let buyer = 0; buyer < 3; buyer += 1) await life.subscribe();
        const story: string[] = [];
        try {
          for (let step = 0; step < STEPS; step += 1) {
            story.push(await life.step());
            await harness.expectBalanced();
          }
          await life.settleAll();
          await life.expectAllSettled();
        } catch (error) {
          if (error instanceof Error) error.message = `after ${story.join(', ')}: ${error.message}`;
          throw error;
        }
      } finally {
        await other.stop();
        await harness.stop();
      }
    });
  },
);
