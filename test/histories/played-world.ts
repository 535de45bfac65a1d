import { expect } from '@jest/globals';
import { type RecordResult } from '../../src/index.js';
import { type Buyer } from '../support/buyer.js';
import { SeededRandom } from '../support/market.js';
import { pick } from '../support/seeded-run.js';
import { DIMENSIONS, LEGACY_CODE, PRODUCT_CODE, World } from '../support/world.js';
import { drawHistory } from './drawn-history.js';
import { drawReadings } from './drawn-readings.js';
import { type Act, type History, type Minute, type Use } from './history.js';

const MINUTE_MS = 60_000;
const STEP: Minute = 30;
const CHUNK = 500;

export interface Recipe {
  seed: number;
  buyers: number;
  hours: number;
  /**
   * `known`: messages are repeated, shuffled and late by at most half an hour, so that every fact is known before its
   * hours’ cutoff. `wild`: late by days, and lost.
   */
  messages: 'known' | 'wild';
  /** How AWS is read where its texts are silent or differ: as by default, or drawn by the seed. */
  readings: 'default' | 'drawn';
  /** Numbers of the histories that are played; all others only drawn. Default: all. */
  only?: readonly number[];
}

interface Played {
  history: History;
  buyer: Buyer;
  /** By number of the purchase. */
  subscriptionIds: string[];
  /** Agreement ids, in the order of signing. */
  agreementIds: string[];
  /** The agreement that was signed last expires by itself. */
  hasTerm: boolean;
}

/** A world of drawn lives, played through the module. */
export class PlayedWorld {
  readonly players: Played[] = [];
  faults = 0;

  private constructor(
    readonly recipe: Recipe,
    readonly world: World,
    private readonly random: SeededRandom,
    private readonly beginsAt: number,
  ) {}

  static async play(recipe: Recipe): Promise<PlayedWorld> {
    const { seed, buyers, hours, messages, readings } = recipe;
    const random = new SeededRandom(seed, 'world');
    const world = await World.start({
      startAt: new Date('2026-11-11T00:00:00Z'),
      simulator: {
        seed,
        ...(readings === 'drawn' && {
          switches: drawReadings(new SeededRandom(seed, 'readings')),
        }),
      },
      options: { reconcileAfterMs: (messages === 'wild' ? 2 : 6) * 3_600_000 },
    });
    const played = new PlayedWorld(recipe, world, random, world.now().getTime());
    const histories = Array.from({ length: buyers }, (_, index) => {
      const name = `${seed}-${index}`;
      return drawHistory(name, new SeededRandom(seed, `history ${index}`), { hours, dimensions: DIMENSIONS });
    });
    played.disturb();
    await played.run(histories.filter((_, index) => recipe.only?.includes(index) ?? true));
    return played;
  }

  private disturb(): void {
    const { mailbox } = this.world;
    const isWild = this.recipe.messages === 'wild';
    mailbox.repeat(2, isWild ? 40 : 3);
    if (isWild) {
      this.world.simulator.notifications.disturb({ kind: 'drop', probability: 0.1 });
      this.world.simulator.notifications.disturb({ kind: 'delay', probability: 0.2, ms: 0, jitterMs: 40 * 3_600_000 });
    } else
      this.world.simulator.notifications.disturb({ kind: 'delay', probability: 0.5, ms: 0, jitterMs: 30 * MINUTE_MS });
  }

  private async run(histories: readonly History[]): Promise<void> {
    const { world, random, recipe } = this;
    const acts = histories
      .flatMap((history) => history.acts.map((act) => ({ history, act })))
      .sort((a, b) => a.act.at - b.act.at);
    const uses = histories
      .flatMap((history) =>
        history.uses.flatMap((use) =>
          [use.at, ...use.retries.map((after) => use.at + after)].map((at) => ({ history, use, at })),
        ),
      )
      .sort((a, b) => a.at - b.at);
    const end = (recipe.hours + 12) * 60;
    for (let slot = STEP; slot <= end; slot += STEP) {
      while (acts.length > 0 && acts[0]!.act.at < slot) await this.act(acts.shift()!);
      this.goTo(slot);
      await world.hear();
      const due: { history: History; use: Use }[] = [];
      while (uses.length > 0 && uses[0]!.at < slot) due.push(uses.shift()!);
      for (let from = 0; from < due.length; from += CHUNK) await this.record(due.slice(from, from + CHUNK));
      const storm = this.storm(random, slot < recipe.hours * 60);
      await world.turn();
      storm();
    }
    world.simulator.faults.clear();
    world.mailbox.calm();
    await world.simulator.notifications.flush();
    await world.pass(3);
    this.faults += Object.values(world.simulator.faults.hits()).reduce((sum, hits) => sum + hits, 0);
  }

  /** What goes wrong between the module and AWS in this half-hour. Returns what ends it. */
  private storm(random: SeededRandom, isOn: boolean): () => void {
    const { faults } = this.world.simulator;
    if (!isOn || random.integer(3) > 0) return () => undefined;
    const kind = pick(random, [
      'throttle',
      'resetAfter',
      'error500After',
      'error500Before',
      'cutAnswer',
      'unprocessed',
    ] as const);
    const fault = faults.add({ kind, operation: 'BatchMeterUsage', count: 1 + random.integer(4), probability: 0.6 });
    return () => {
      fault.remove();
    };
  }

  private goTo(minute: Minute): void {
    const to = this.beginsAt + minute * MINUTE_MS;
    if (to > this.world.now().getTime()) this.world.clock.set(new Date(to));
  }

  private async act({ history, act }: { history: History; act: Act }): Promise<void> {
    this.goTo(act.at);
    const instantOf = (minute: Minute): Date => new Date(this.beginsAt + minute * MINUTE_MS);
    const terms = (minute: Minute): { startsAt?: Date; endsAt?: Date } => ({
      ...(minute !== act.at && { startsAt: instantOf(minute) }),
      // What follows a fixed term has none as short as that.
      ...(known?.hasTerm === true && { endsAt: instantOf(minute + 30 * 24 * 60) }),
    });
    const known = this.players.find((one) => one.history === history);
    const note = (agreementId: string): void => {
      if (known && !known.agreementIds.includes(agreementId)) known.agreementIds.push(agreementId);
    };
    switch (act.kind) {
      case 'sign': {
        const productCode = history.identity === 'license' ? PRODUCT_CODE : LEGACY_CODE;
        const term = act.endsAt !== null && { endsAt: instantOf(act.endsAt) };
        if (known) {
          note(known.buyer.concurrent({ freeTrial: act.freeTrial, ...term }).agreementId);
          known.hasTerm = act.endsAt !== null;
          return;
        }
        const buyer = this.world.sign({ productCode, freeTrial: act.freeTrial, ...term });
        this.players.push({
          ...{ history, buyer, subscriptionIds: [], agreementIds: [buyer.agreement.agreementId] },
          hasTerm: act.endsAt !== null,
        });
        return;
      }
      case 'register':
        known!.subscriptionIds.push(await known!.buyer.arrive());
        await known!.buyer.signUp(`tenant ${history.name}`);
        return;
      case 'convert':
        note(known!.buyer.convertTrial({ as: act.as }).agreementId);
        return;
      case 'renew':
        note(known!.buyer.renew({ ...terms(act.startsAt), as: act.as }).agreementId);
        return;
      case 'replace':
        note(known!.buyer.replace({ ...terms(act.startsAt), as: act.as }).agreementId);
        return;
      case 'cancel':
        known!.buyer.cancel();
    }
  }

  private async record(due: readonly { history: History; use: Use }[]): Promise<void> {
    const players = new Map(this.players.map((one) => [one.history, one]));
    const seen = new Set<string>();
    // The same key twice in one call is a matter of its own; a retry comes in a call of its own.
    const once = due.filter(({ use }) => !seen.has(use.key) && seen.add(use.key));
    const again = due.filter((one) => !once.includes(one));
    const usageOf = ({ history, use }: { history: History; use: Use }) => ({
      ...(use.by === 'tenant'
        ? {
            tenantId: `tenant ${history.name}`,
            productCode: history.identity === 'license' ? PRODUCT_CODE : LEGACY_CODE,
          }
        : { subscriptionId: this.subscriptionOf(players.get(history)!, use) }),
      dimension: use.dimension,
      quantity: use.quarters / 4,
      occurredAt: new Date(this.beginsAt + use.occurredAt * MINUTE_MS),
      idempotencyKey: use.key,
      ...(use.quarters < 0 && { reason: 'a report that failed' }),
    });
    const results: RecordResult[] = await this.world.recordAll(once.map(usageOf));
    expect(results).toHaveLength(once.length);
    for (const one of again) expect(await this.world.record(usageOf(one))).toMatchObject({ outcome: 'duplicate' });
  }

  /** The host records by the subscription that it knew when the usage was recorded first. */
  private subscriptionOf({ history, subscriptionIds }: Played, use: Use): string {
    const registrations = history.acts.filter(({ kind, at }) => kind === 'register' && at <= use.at).length;
    return subscriptionIds[Math.max(0, registrations - 1)]!;
  }
}
