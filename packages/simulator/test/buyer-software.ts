import {
  MeterUsageCommand,
  type MeterUsageCommandInput,
  type MarketplaceMeteringClient,
} from '@aws-sdk/client-marketplace-metering';
import {
  type Agreement,
  type ComputePlatform,
  type ComputeResource,
  type LaunchOptions,
  type Listing,
  type SimulatorOptions,
} from '../src/index.js';
import { errorNameOf, meteringClient } from './marketplace-client.js';
import { hourMs, type SimulatedMarketplace, startMarketplace } from './simulated-marketplace.js';

/** Software in a buyer's account, and a client that signs with its credentials. */
export interface Software {
  resource: ComputeResource;
  client: MarketplaceMeteringClient;
  /** Of the current hour; a field set to undefined is left out. Returns the record's id, or the error's name. */
  meter: (fields?: { [K in keyof MeterUsageCommandInput]?: MeterUsageCommandInput[K] | undefined }) => Promise<string>;
}

export interface BuyerSoftware extends SimulatedMarketplace, Software {
  listing: Listing;
  /** Active for the last ten days. */
  agreement: Agreement;
  /** Starts more software; by default of the same buyer, platform and region. */
  launch: (options?: Partial<LaunchOptions>, clientRegion?: string) => Software;
}

/** MeterUsage of 5 `users` at the given time, through this client. */
export function meteringBy(client: MarketplaceMeteringClient, productCode: string, now: () => Date): Software['meter'] {
  return async (fields = {}) => {
    const basis = { ProductCode: productCode, Timestamp: now(), UsageDimension: 'users', UsageQuantity: 5 };
    let id: string | undefined;
    const name = await errorNameOf(
      client.send(new MeterUsageCommand({ ...basis, ...fields })).then((answer) => {
        id = answer.MeteringRecordId;
      }),
    );
    return id ?? name;
  };
}

/**
 * A product of the platform's type with the dimensions `users` and `gigabytes`, one buyer, and software that runs there
 * since three days ago.
 */
export async function startSoftware(
  platform: ComputePlatform,
  options: SimulatorOptions = {},
  region = 'us-east-1',
): Promise<BuyerSoftware> {
  const marketplace = await startMarketplace(options);
  const { sim } = marketplace;
  const dimensions = ['users', 'gigabytes', { name: 'seats', type: 'Entitled' as const }];
  const listing = sim.createProduct({ dimensions, type: platform === 'ec2' ? 'ami' : 'container' });
  const now = sim.clock.now();
  const agreement = sim.subscribe({
    productCode: listing.productCode,
    startsAt: new Date(now.getTime() - 240 * hourMs),
  });
  const launch = (more: Partial<LaunchOptions> = {}, clientRegion = more.region ?? region): Software => {
    const resource = sim.launch({ ...('accountId' in more ? {} : { agreement }), platform, region, ...more });
    const client = meteringClient(sim.url, { region: clientRegion, credentials: resource.credentials });
    const meter = meteringBy(client, listing.productCode, () => sim.clock.now());
    return { resource, client, meter };
  };
  sim.clock.set(new Date(now.getTime() - 72 * hourMs));
  const software = launch();
  sim.clock.set(now);
  return { ...marketplace, listing, agreement, launch, ...software };
}
