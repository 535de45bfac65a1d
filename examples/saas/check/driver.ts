import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, MeteringService, SubscriptionService } from 'nestjs-marketplace-metering';
import { Buyer, type RenderRequest } from '../buyer.js';
import { LARKSPUR_CLOCK } from '../larkspur/larkspur.clock.js';
import { MEGAPIXELS, RENDERS } from '../larkspur/larkspur.options.js';
import { LedgerReader } from '../control-panel/ledger-reader.js';
import { type Stage } from '../stage.js';
import { type Scene, SCENES } from './scenes.js';
import { type UsageBooks } from './usage-books.js';

const PAUSE_MS = 60;
const POLL_MS = 100;
const CORRECTED_EVERY = 9;
const REPEATED_EVERY = 5;
const POISONED_EVERY = 25;
const SIZES = ['thumbnail', 'preview', 'poster'] as const;

/** A customer in the story. */
interface Customer {
  buyer: Buyer;
  tenantId: string;
  scene: Scene;
  /** While it has no subscription. */
  isAway: boolean;
  /** Its last call; whoever lets it leave waits for that. */
  rendering: Promise<void>;
}

/** Customers that use Larkspur until they are told to stop. What resolved goes into the books. */
export class Driver {
  private readonly stopping = new AbortController();
  private driving: Promise<unknown> = Promise.resolve();
  private playing: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly customers: readonly Customer[],
    private readonly stage: Stage,
    private readonly books: UsageBooks,
    private readonly unlistedDimension: string,
    private readonly say: (line: string) => void,
  ) {}

  /** Subscribes and signs up all customers. */
  static async start(
    stage: Stage,
    books: UsageBooks,
    unlistedDimension: string,
    say: (line: string) => void,
  ): Promise<Driver> {
    const { app, settings, simulator } = stage;
    const to = { url: settings.publicUrl, simulator, productCode: settings.productCode };
    const buyers = await Promise.all(
      SCENES.map(({ company, terms }) => Buyer.arrive(company, to, terms(simulator.clock.now()))),
    );
    const known = await app.get(LedgerReader).subscriptions();
    const customers = SCENES.map((scene, index) => {
      const buyer = buyers[index];
      const tenantId = known.find(({ company }) => company === scene.company)?.tenantId;
      if (!buyer || typeof tenantId !== 'string')
        throw new Error(`The ledger does not know the subscription of ${scene.company}`);
      return { buyer, tenantId, scene, isAway: false, rendering: Promise.resolve() };
    });
    await Promise.all(customers.map((customer) => inForce(stage, customer)));
    const driver = new Driver(customers, stage, books, unlistedDimension, say);
    driver.driving = Promise.all(customers.map((customer, index) => driver.drive(customer, index)));
    driver.playing = Promise.all(customers.map((customer) => driver.play(customer)));
    // Awaited by whoever drives the story; until then it is no news.
    driver.playing.catch(() => undefined);
    return driver;
  }

  get companies(): string[] {
    return this.customers.map(({ scene }) => scene.company);
  }

  companyOf(accountId: string): string {
    return this.customers.find(({ buyer }) => buyer.accountId === accountId)?.scene.company ?? 'an unknown buyer';
  }

  /** Resolves when the scenes have been played to their ends. */
  async played(): Promise<void> {
    await this.playing;
  }

  /** Rejects as soon as a call fails that should not have. */
  async failure(): Promise<unknown> {
    return this.driving;
  }

  /** Resolves when the last call has; rejects with what went wrong on the way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.driving;
  }

  private get now(): () => Date {
    const clock = this.stage.app.get<Clock>(LARKSPUR_CLOCK);
    return () => clock.now();
  }

  private play(customer: Customer): Promise<void> {
    const meanwhile = async (work: () => Promise<void>): Promise<void> => {
      customer.isAway = true;
      await customer.rendering;
      await work();
      customer.isAway = false;
    };
    const { buyer, scene } = customer;
    const { signal } = this.stopping;
    return scene.play({ buyer, simulator: this.stage.simulator, now: this.now, meanwhile, signal, say: this.say });
  }

  private async drive(customer: Customer, offset: number): Promise<void> {
    for (let turn = offset; !this.stopping.signal.aborted; turn += 1) {
      if (!customer.isAway) {
        customer.rendering = this.use(customer, turn, offset === 0);
        await customer.rendering;
      }
      await sleep(PAUSE_MS);
    }
  }

  private async use(customer: Customer, turn: number, isFirst: boolean): Promise<void> {
    await this.render(customer.buyer, turn);
    if (turn % CORRECTED_EVERY === 0) await this.record(customer, RENDERS, -1, 'an image came out blank');
    // Usage of a dimension that the listing lacks: AWS refuses the whole batch that such a record is in. The first
    // customer's alone, so that there are healthy ones to protect from it.
    if (isFirst && turn % POISONED_EVERY === 0) await this.record(customer, this.unlistedDimension, 3);
  }

  private async render(buyer: Buyer, turn: number): Promise<void> {
    const request: RenderRequest = {
      images: 1 + (turn % 7),
      size: SIZES[turn % SIZES.length] ?? 'preview',
      ...(turn % 2 === 0 && { project: `project ${turn % 3}` }),
    };
    const requestKey = `order ${turn}`;
    const { images, megapixels, renderedAt } = await buyer.render(request, requestKey);
    this.books.enter(buyer.company, RENDERS, images, new Date(renderedAt));
    this.books.enter(buyer.company, MEGAPIXELS, megapixels, new Date(renderedAt));
    // A client that lost the answer asks again; that must not count twice.
    if (turn % REPEATED_EVERY === 0) {
      const { repeated } = await buyer.render(request, requestKey);
      if (!repeated) throw new Error(`${buyer.company}: ${requestKey} was rendered twice`);
    }
  }

  private async record(
    { tenantId, scene }: Customer,
    dimension: string,
    quantity: number,
    reason?: string,
  ): Promise<void> {
    const occurredAt = this.now();
    const metering = this.stage.app.get(MeteringService);
    await metering.record({ tenantId, dimension, quantity, occurredAt, ...(reason !== undefined && { reason }) });
    this.books.enter(scene.company, dimension, quantity, occurredAt);
  }
}

/** Until AWS has told what was bought: whether it is a trial stands in the terms, which the module asks for. */
async function inForce({ app }: Stage, { tenantId, scene }: Customer): Promise<void> {
  const subscriptions = app.get(SubscriptionService);
  for (;;) {
    const [subscription] = await subscriptions.forTenant(tenantId);
    if (subscription?.state === scene.startsAs) return;
    await sleep(POLL_MS);
  }
}
