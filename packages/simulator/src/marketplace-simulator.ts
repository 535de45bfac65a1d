import { type Agreement, idOf } from './market/agreement.js';
import { AgreementDeeds } from './market/agreement-deeds.js';
import { type Listing, type ProductChange, type ProductOptions } from './market/listing.js';
import { type PriceSegment } from './market/price-segment.js';
import { type AcceptedUsage } from './operations/accepted-usage.js';
import { type EnvironmentOptions, type EnvironmentVariables } from './environment/environment-options.js';
import { type ResourceEnvironment } from './environment/resource-environment.js';
import { type ControlDesk } from './control/control-desk.js';
import { type ScenarioPlayer } from './control/scenario-player.js';
import { notificationPaths, type Notifications } from './notifications/notifications.js';
import { type ComputeResource, type LaunchOptions } from './wire/compute-resource.js';
import { type ProductKey } from './operations/product-keys.js';
import { billed, type BillFilter, type BillLine } from './operations/usage-book.js';
import { buildWorld, keepIn, type World } from './simulated-world.js';
import { type SimulatorOptions } from './simulator-options.js';
import { type Switches } from './switches.js';
import { type ApiCall, type CallFilter } from './wire/call-log.js';
import { type CallQuotas } from './wire/call-quota.js';
import { type FaultInjector } from './wire/fault-injector.js';
import { SimulatorServer } from './wire/simulator-server.js';
import { type Trail } from './trail/trail.js';
import { restoreSnapshot, type SnapshotParts, takeSnapshot, type WorldSnapshot } from './world-snapshot.js';

/**
 * AWS Marketplace on localhost: products, buyers and a bill behind the wire protocol that the unmodified AWS SDKs
 * speak.
 */
export class MarketplaceSimulator extends AgreementDeeds {
  readonly switches: Readonly<Switches>;
  readonly faults: FaultInjector;
  /** What AWS tells the seller of agreements, to whom, and what goes wrong on the way. */
  readonly notifications: Notifications;
  /** What CloudTrail has of the metering service: gaps, delays, foreign records, and the files of a trail. */
  readonly trail: Trail;
  readonly sellerAccountId: string;
  readonly #environments: ResourceEnvironment[] = [];

  private constructor(
    /** Base URL for the `endpoint` option of an AWS SDK client. */
    readonly url: string,
    private readonly world: World,
    private readonly parts: Parts,
  ) {
    super(world.clock, world.lifecycle);
    this.switches = world.switches;
    this.faults = world.faults;
    this.notifications = world.notifications;
    this.trail = world.trail;
    this.sellerAccountId = world.sellerAccountId;
  }

  static async start(options: SimulatorOptions = {}): Promise<MarketplaceSimulator> {
    const world = buildWorld(options);
    const player =
      options.scenario && new (await import('./control/scenario-player.js')).ScenarioPlayer(options.scenario);
    const everything: SnapshotParts = { ...world, stores: { ...world.stores, ...(player && { scenario: player }) } };
    const origin = takeSnapshot(everything);
    const save =
      options.stateFile === undefined
        ? () => Promise.resolve()
        : await keepIn(options.stateFile, everything, world.lifecycle);
    const server = new SimulatorServer(world.dispatcher);
    const url = await server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    const simulator = new MarketplaceSimulator(url, world, { server, everything, origin, player, save });
    server.beforeAnswer(save);
    for (const path of notificationPaths)
      server.mount(path, (request, response) => world.notifications.answer(request, response));
    world.notifications.useUrl(url);
    let desk: Promise<ControlDesk> | undefined;
    server.mount('/_simulator', async (request, response) => {
      // Loaded when somebody knocks: a test that never does starts faster.
      desk ??= import('./control/control-desk.js').then((control) => new control.ControlDesk(simulator, save));
      await (await desk).serve(request, response);
    });
    try {
      player?.begin(simulator);
      await save();
    } catch (error) {
      await simulator.stop();
      throw error;
    }
    return simulator;
  }

  /** Ends all connections, open calls included, and frees the port. */
  async stop(): Promise<void> {
    const environments = this.#environments.splice(0).map((environment) => environment.close());
    await Promise.all([this.parts.server.close(), this.notifications.stop(), ...environments]);
    await this.parts.save();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Plays other readings from now on; switches not named stay. */
  setSwitches(switches: Partial<Switches>): void {
    Object.assign(this.world.switches, switches);
    this.world.lifecycle.reschedule();
  }

  /** Publishes a product. */
  createProduct(options: ProductOptions): Listing {
    const regions = this.switches.defaultRegions === 'us-east-1' ? ['us-east-1'] : undefined;
    return this.world.catalog.createProduct({ ...(regions && { regions }), ...options });
  }

  /** Changes a published product; `dimensions` replace all it had. */
  changeProduct(productCode: string, change: ProductChange): Listing {
    return this.world.catalog.changeProduct(productCode, change);
  }

  /** Other quotas from now on: one number for all operations, or by operation; 0 = none. */
  setCallsPerSecond(callsPerSecond: number | Partial<CallQuotas>): void {
    this.world.quota.set(callsPerSecond);
  }

  /**
   * The public keys of a container product, oldest first, against which its software verifies what RegisterUsage
   * answers.
   */
  publicKeys(productCode: string): ProductKey[] {
    return this.world.keys.versions(productCode);
  }

  /** A new version of the product's public key takes over now. Returns all versions. */
  rotatePublicKey(productCode: string): ProductKey[] {
    return this.world.keys.rotate(productCode, this.clock.now());
  }

  /** AWS no longer signs by this version of the product's public key. Returns all versions. */
  retirePublicKey(productCode: string, version: number): ProductKey[] {
    return this.world.keys.retire(productCode, version, this.clock.now());
  }

  /** AMI or container software starts in a buyer's account. Its `credentials` sign MeterUsage and RegisterUsage. */
  launch(options: LaunchOptions): ComputeResource {
    const { agreement } = options;
    const accountId = agreement === undefined ? options.accountId : this.agreement(agreement).accountId;
    if (accountId === undefined) throw new Error('launch() takes an agreement or an accountId');
    return this.world.fleet.launch(accountId, options, this.clock.now());
  }

  /**
   * What the software finds where it runs: environment variables, and behind them endpoints that say where it is and
   * give out credentials. They are there until the simulator stops.
   */
  async environmentOf(
    resource: ComputeResource | string,
    options: EnvironmentOptions = {},
  ): Promise<EnvironmentVariables> {
    const resourceId = typeof resource === 'string' ? resource : resource.resourceId;
    const { ResourceEnvironment } = await import('./environment/resource-environment.js');
    const environment = new ResourceEnvironment(this.world.fleet.resource(resourceId), options, (source, session) =>
      this.world.fleet.issue(resourceId, source, session),
    );
    this.#environments.push(environment);
    return environment.open(new URL(this.url).hostname.replace(/^\[(.*)\]$/, '$1'));
  }

  /** The software ends now: its credentials expire, and its container time stops counting. */
  terminate(resource: ComputeResource | string): ComputeResource {
    return this.world.fleet.terminate(typeof resource === 'string' ? resource : resource.resourceId, this.clock.now());
  }

  resources(): ComputeResource[] {
    return this.world.fleet.resources();
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
    const { agreementId, productId, freeTrial } = this.agreement(agreement);
    return {
      'x-amzn-marketplace-token': this.registrationToken(agreementId),
      ...(freeTrial && { 'x-amzn-marketplace-offer-type': 'free-trial' }),
      ...(this.switches.registrationFormFields === 'extended' && {
        'x-amzn-marketplace-agreement-id': agreementId,
        'x-amzn-marketplace-product-id': productId,
      }),
    };
  }

  /**
   * What AWS would charge: records in the order they were accepted, one line per region, identity, dimension and hour
   * (on AgentCore: per record); then the time of registered containers until now.
   */
  bill(filter: BillFilter = {}): BillLine[] {
    return [...this.world.book.lines(), ...this.world.time.lines(this.clock.now())].filter((line) =>
      billed(line, filter),
    );
  }

  /**
   * The records behind the bill, in the order in which they were accepted: with the timestamp as sent, the moment they
   * were taken, and the price that they come under. Without the time of registered containers, which no record brings.
   */
  acceptedUsage(filter: BillFilter = {}): AcceptedUsage[] {
    const accepted = this.world.book.accepted().filter(({ line }) => billed(line, filter));
    return accepted.map((one) => this.world.pricing.priced(one));
  }

  /** When which agreement has which price, trial or paid, as all agreements stand now. */
  priceSegments(): PriceSegment[] {
    return this.world.pricing.segments();
  }

  /**
   * Everything that this simulator knows, as JSON can carry it: products, agreements, tokens, usage, calls, faults,
   * clock, streams of the seed.
   */
  snapshot(): WorldSnapshot {
    return takeSnapshot(this.parts.everything);
  }

  /** Goes on from a snapshot of this or another simulator of the same version. */
  restore(snapshot: WorldSnapshot): void {
    restoreSnapshot(this.parts.everything, snapshot);
  }

  /**
   * As it was when it started: nothing sold, nothing billed, the first switches, the seed from its beginning; a
   * scenario begins anew.
   */
  reset(): void {
    this.restore(this.parts.origin);
    this.parts.player?.restart();
  }

  /** The calls received, oldest first. */
  calls(filter?: CallFilter): ApiCall[] {
    return this.world.log.calls(filter);
  }
}

interface Parts {
  readonly server: SimulatorServer;
  readonly everything: SnapshotParts;
  /** Everything as it was at the start, before the scenario and the state file. */
  readonly origin: WorldSnapshot;
  readonly player: ScenarioPlayer | undefined;
  readonly save: () => Promise<void>;
}
