import { type Agreement, type Entitlement, type SubscribeOptions } from './market/agreement.js';
import { ApiDispatcher } from './wire/api-dispatcher.js';
import { BatchMeterUsage } from './operations/batch-meter-usage.js';
import { type ApiCall, type CallFilter, CallLog } from './wire/call-log.js';
import { CallQuota, type CallQuotas, callQuotas } from './wire/call-quota.js';
import { FaultInjector } from './wire/fault-injector.js';
import { GetEntitlements } from './operations/get-entitlements.js';
import { type Listing, type ProductOptions } from './market/listing.js';
import { MarketplaceCatalog } from './market/marketplace-catalog.js';
import { RegistrationTokens } from './operations/registration-tokens.js';
import { ResolveCustomer } from './operations/resolve-customer.js';
import { SeededRandom } from './seeded-random.js';
import { SimulatorServer } from './wire/simulator-server.js';
import { type PresetName, presets, type Switches } from './switches.js';
import { type BillFilter, type BillLine, UsageBook } from './operations/usage-book.js';
import { type SimulatorClock, VirtualClock } from './virtual-clock.js';

export interface SimulatorOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Address to listen on. Default `127.0.0.1`. */
  host?: string;
  /** A whole number. The same seed and the same calls give the same ids, tokens, faults and orders. Default 1. */
  seed?: number;
  /** A whole set of readings of AWS's open questions. Default `strict`. */
  preset?: PresetName;
  /** Readings that differ from the preset's. */
  switches?: Partial<Switches>;
  /** Default: a VirtualClock at wall time and wall speed. */
  clock?: SimulatorClock;
  /**
   * Calls per second of wall time, per operation and region, 0 = unlimited: one number for all operations, or by operation.
   * Default: BatchMeterUsage 10, ResolveCustomer 10, GetEntitlements 20.
   */
  callsPerSecond?: number | Partial<CallQuotas>;
  /** The account that published the products: the one that calls and events are recorded under. Default `123456789012`. */
  sellerAccountId?: string;
  /** How many of the latest calls `calls` remembers. Default 100000. */
  callLogLimit?: number;
}

/** AWS Marketplace on localhost: products, buyers and a bill behind the wire protocol that the unmodified AWS SDKs speak. */
export class MarketplaceSimulator {
  readonly clock: SimulatorClock;
  readonly switches: Readonly<Switches>;
  readonly faults: FaultInjector;
  /** Base URL for the `endpoint` option of an AWS SDK client. */
  readonly url: string;
  readonly sellerAccountId: string;

  private constructor(
    url: string,
    private readonly world: World,
    private readonly server: SimulatorServer,
  ) {
    this.url = url;
    this.clock = world.clock;
    this.switches = world.switches;
    this.faults = world.faults;
    this.sellerAccountId = world.sellerAccountId;
  }

  static async start(options: SimulatorOptions = {}): Promise<MarketplaceSimulator> {
    const world = build(options);
    const server = new SimulatorServer(world.dispatcher);
    const url = await server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    return new MarketplaceSimulator(url, world, server);
  }

  /** Ends all connections, open calls included, and frees the port. */
  async stop(): Promise<void> {
    await this.server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Plays other readings from now on; switches not named stay. */
  setSwitches(switches: Partial<Switches>): void {
    Object.assign(this.world.switches, switches);
  }

  /** Publishes a product. */
  createProduct(options: ProductOptions): Listing {
    return this.world.catalog.createProduct(options);
  }

  /** A buyer accepts an offer. The agreement is active from `startsAt`; AWS takes its usage from then on. */
  subscribe(options: SubscribeOptions): Agreement {
    return this.world.catalog.subscribe(options, this.clock.now());
  }

  /** The agreement as it stands now. Throws if there is none. */
  agreement(agreement: Agreement | string): Agreement {
    return this.world.catalog.agreement(idOf(agreement));
  }

  agreements(): Agreement[] {
    return this.world.catalog.agreements();
  }

  products(): Listing[] {
    return this.world.catalog.listings();
  }

  /** A new token for the registration page: opaque, always with `+`, `/` and `=`. Its lifetime starts now. */
  registrationToken(agreement: Agreement | string): string {
    return this.world.tokens.issue(this.agreement(agreement).agreementId, this.clock.now());
  }

  /** The fields that the buyer's browser posts to the registration page, with a new token. Not yet form-encoded. */
  registrationForm(agreement: Agreement | string): Record<string, string> {
    return {
      'x-amzn-marketplace-token': this.registrationToken(agreement),
      ...(this.agreement(agreement).freeTrial && { 'x-amzn-marketplace-offer-type': 'free-trial' }),
    };
  }

  /** The agreement ends at the given moment, past or future. Default: now. */
  end(agreement: Agreement | string, options: { at?: Date } = {}): Agreement {
    return this.world.catalog.end(idOf(agreement), options.at ?? this.clock.now());
  }

  /** The buyer's account is suspended: usage is CustomerNotSubscribed until `reinstate`. */
  suspend(agreement: Agreement | string): Agreement {
    return this.world.catalog.suspend(idOf(agreement));
  }

  reinstate(agreement: Agreement | string): Agreement {
    return this.world.catalog.reinstate(idOf(agreement));
  }

  /** Replaces all entitlements of the agreement. */
  setEntitlements(agreement: Agreement | string, entitlements: readonly Entitlement[]): Agreement {
    return this.world.catalog.setEntitlements(idOf(agreement), entitlements);
  }

  /** What AWS would charge, in the order it was accepted: one line per region, identity, dimension and hour. */
  bill(filter?: BillFilter): BillLine[] {
    return this.world.book.lines(filter);
  }

  /** The calls received, oldest first. */
  calls(filter?: CallFilter): ApiCall[] {
    return this.world.log.calls(filter);
  }
}

type World = ReturnType<typeof build>;

/** Wires one marketplace together. Each concern has its own stream of the seed. */
function build(options: SimulatorOptions) {
  const seed = options.seed ?? 1;
  const sellerAccountId = options.sellerAccountId ?? '123456789012';
  const clock = options.clock ?? new VirtualClock();
  const switches: Switches = { ...presets[options.preset ?? 'strict'], ...options.switches };
  const faults = new FaultInjector(new SeededRandom(seed, 'faults'));
  const log = new CallLog(options.callLogLimit ?? 100_000);
  const catalog = new MarketplaceCatalog(new SeededRandom(seed, 'catalog'));
  const tokens = new RegistrationTokens(new SeededRandom(seed, 'tokens'), switches);
  const book = new UsageBook(new SeededRandom(seed, 'metering records'), switches);
  const dispatcher = new ApiDispatcher({
    clock,
    switches,
    faults,
    log,
    quota: new CallQuota(callQuotas(options.callsPerSecond)),
    ids: new SeededRandom(seed, 'requests'),
    resolveCustomer: new ResolveCustomer(catalog, tokens, switches),
    batchMeterUsage: new BatchMeterUsage(catalog, book, switches, new SeededRandom(seed, 'result order')),
    getEntitlements: new GetEntitlements(catalog, switches),
  });
  return { sellerAccountId, clock, switches, faults, log, catalog, tokens, book, dispatcher };
}

function idOf(agreement: Agreement | string): string {
  return typeof agreement === 'string' ? agreement : agreement.agreementId;
}
