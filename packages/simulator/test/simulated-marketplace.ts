import { type MarketplaceEntitlementServiceClient } from '@aws-sdk/client-marketplace-entitlement-service';
import {
  BatchMeterUsageCommand,
  type BatchMeterUsageCommandOutput,
  type MarketplaceMeteringClient,
  type UsageRecord,
} from '@aws-sdk/client-marketplace-metering';
import {
  type Agreement,
  type Listing,
  MarketplaceSimulator,
  type ProductIdentity,
  type SimulatorOptions,
  VirtualClock,
} from '../src/index.js';
import { entitlementClient, errorNameOf, meteringClient } from './marketplace-client.js';

export const hourMs = 3_600_000;
/** Half past noon, in the middle of a month: far from every edge. */
export const noon = new Date('2026-11-18T12:30:00Z');

const stops: (() => Promise<void> | void)[] = [];

export interface SimulatedMarketplace {
  sim: MarketplaceSimulator;
  client: MarketplaceMeteringClient;
  entitlements: MarketplaceEntitlementServiceClient;
}

/** A simulator whose clock stands at `noon`, without a call quota, and clients for it. */
export async function startMarketplace(options: SimulatorOptions = {}): Promise<SimulatedMarketplace> {
  const clock = new VirtualClock({ startAt: noon, rate: 0 });
  const sim = await MarketplaceSimulator.start({ clock, callsPerSecond: 0, ...options });
  const [client, entitlements] = [meteringClient(sim.url), entitlementClient(sim.url)];
  stops.push(async () => {
    client.destroy();
    entitlements.destroy();
    await sim.stop();
  });
  return { sim, client, entitlements };
}

export async function stopMarketplaces(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

export interface Metering extends SimulatedMarketplace {
  listing: Listing;
  /** Active for the last ten days. */
  agreement: Agreement;
  /** A record of the previous hour by the product's own identity; a field set to undefined is left out. */
  record: (fields?: { [K in keyof UsageRecord]?: UsageRecord[K] | undefined }, of?: Agreement) => UsageRecord;
  meter: (...records: UsageRecord[]) => Promise<BatchMeterUsageCommandOutput>;
  /** Statuses in the order of the answer, then `unprocessed` for each unprocessed record; or the name of the error. */
  outcome: (...records: UsageRecord[]) => Promise<string>;
}

/** A product with the dimensions `users` and `gigabytes` and one buyer. */
export async function startMetering(
  options: SimulatorOptions = {},
  identity: ProductIdentity = 'license',
): Promise<Metering> {
  const marketplace = await startMarketplace(options);
  const { sim, client } = marketplace;
  const listing = sim.createProduct({
    dimensions: ['users', 'gigabytes', { name: 'seats', type: 'Entitled' }],
    identity,
  });
  const startsAt = new Date(sim.clock.now().getTime() - 240 * hourMs);
  const agreement = sim.subscribe({ productCode: listing.productCode, startsAt });
  const record: Metering['record'] = (fields = {}, of = agreement) => {
    const identityFields = identity === 'license' ? { LicenseArn: of.licenseArn } : {};
    const previousHour = new Date(Math.floor(sim.clock.now().getTime() / hourMs - 1) * hourMs);
    const basis = {
      Timestamp: previousHour,
      Dimension: 'users',
      Quantity: 5,
      CustomerAWSAccountId: of.accountId,
      ...identityFields,
    };
    return { ...basis, ...fields };
  };
  const request = identity === 'license' ? {} : { ProductCode: listing.productCode };
  const meter: Metering['meter'] = (...records) =>
    client.send(new BatchMeterUsageCommand({ ...request, UsageRecords: records }));
  const outcome: Metering['outcome'] = async (...records) => {
    let answer: BatchMeterUsageCommandOutput | undefined;
    const name = await errorNameOf(
      meter(...records).then((output) => {
        answer = output;
      }),
    );
    if (!answer) return name;
    const unprocessed = answer.UnprocessedRecords?.map(() => 'unprocessed') ?? [];
    return [...(answer.Results ?? []).map((result) => result.Status ?? ''), ...unprocessed].join(' ');
  };
  return { ...marketplace, listing, agreement, record, meter, outcome };
}
