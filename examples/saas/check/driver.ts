import { setTimeout as sleep } from 'node:timers/promises';
import { MeteringService } from 'nestjs-marketplace-metering';
import { LedgerReader } from '../control-panel/ledger-reader.js';
import { Buyer, type RenderRequest } from '../buyer.js';
import { MEGAPIXELS, RENDERS } from '../larkspur/larkspur.options.js';
import { type Stage } from '../stage.js';
import { type UsageBooks } from './usage-books.js';

const COMPANIES = ['Birch & Co', 'Alder Press', 'Hazel Studio'];
const PAUSE_MS = 40;
const CORRECTED_EVERY = 9;
const REPEATED_EVERY = 5;
const POISONED_EVERY = 25;
const SIZES = ['thumbnail', 'preview', 'poster'] as const;

/** Customers that use Larkspur until they are told to stop. What resolved goes into the books. */
export class Driver {
  private readonly stopping = new AbortController();
  private driving: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly buyers: readonly { buyer: Buyer; subscriptionId: string }[],
    private readonly metering: MeteringService,
    private readonly books: UsageBooks,
    private readonly unlistedDimension: string,
  ) {}

  /** Subscribes and signs up all customers. */
  static async start({ app, settings, simulator }: Stage, books: UsageBooks, unlistedDimension: string): Promise<Driver> {
    const { publicUrl: url, productCode } = settings;
    const buyers = await Promise.all(COMPANIES.map((company) => Buyer.arrive(company, { url, simulator, productCode })));
    const known = await app.get(LedgerReader).subscriptions();
    const subscribed = buyers.map((buyer) => {
      const subscription = known.find(({ licenseArn }) => licenseArn === buyer.agreement.licenseArn);
      if (!subscription) throw new Error(`The ledger does not know the subscription of ${buyer.company}`);
      return { buyer, subscriptionId: subscription.id };
    });
    const driver = new Driver(subscribed, app.get(MeteringService), books, unlistedDimension);
    driver.driving = Promise.all(subscribed.map(({ buyer, subscriptionId }, index) => driver.drive(buyer, subscriptionId, index)));
    return driver;
  }

  get customers(): string[] {
    return this.buyers.map(({ buyer }) => buyer.company);
  }

  companyOf(licenseArn: string): string {
    return this.buyers.find(({ buyer }) => buyer.agreement.licenseArn === licenseArn)?.buyer.company ?? 'an unknown buyer';
  }

  /** Any customer's license. */
  get anyLicense(): string {
    const [first] = this.buyers;
    if (!first) throw new Error('There are no customers');
    return first.buyer.agreement.licenseArn;
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

  private async drive(buyer: Buyer, subscriptionId: string, offset: number): Promise<void> {
    for (let turn = offset; !this.stopping.signal.aborted; turn += 1) {
      await this.render(buyer, turn);
      if (turn % CORRECTED_EVERY === 0) await this.correct(buyer, subscriptionId);
      // The first customer's alone, so that there are healthy ones to protect from it.
      if (offset === 0 && turn % POISONED_EVERY === 0) await this.poison(buyer, subscriptionId);
      await sleep(PAUSE_MS);
    }
  }

  private async render(buyer: Buyer, turn: number): Promise<void> {
    const request: RenderRequest = {
      images: 1 + (turn % 7),
      size: SIZES[turn % SIZES.length] ?? 'preview',
      ...(turn % 2 === 0 && { project: `project ${turn % 3}` }),
    };
    const { licenseArn } = buyer.agreement;
    const requestKey = `order ${turn}`;
    const { images, megapixels } = await buyer.render(request, requestKey);
    this.books.enter(licenseArn, RENDERS, images);
    this.books.enter(licenseArn, MEGAPIXELS, megapixels);
    // A client that lost the answer asks again; that must not count twice.
    if (turn % REPEATED_EVERY === 0) {
      const { repeated } = await buyer.render(request, requestKey);
      if (!repeated) throw new Error(`${buyer.company}: ${requestKey} was rendered twice`);
    }
  }

  private async correct({ agreement }: Buyer, subscriptionId: string): Promise<void> {
    await this.metering.record({ subscriptionId, dimension: RENDERS, quantity: -1, reason: 'an image came out blank' });
    this.books.enter(agreement.licenseArn, RENDERS, -1);
  }

  /** Usage of a dimension that the listing lacks: AWS refuses the whole batch that such a record is in. */
  private async poison({ agreement }: Buyer, subscriptionId: string): Promise<void> {
    await this.metering.record({ subscriptionId, dimension: this.unlistedDimension, quantity: 3 });
    this.books.enter(agreement.licenseArn, this.unlistedDimension, 3);
  }
}
