import { performance } from 'node:perf_hooks';
import { AgreementLifecycle } from './market/agreement-lifecycle.js';
import { MarketplaceCatalog } from './market/marketplace-catalog.js';
import { Notifications } from './notifications/notifications.js';
import { UsagePricing } from './operations/accepted-usage.js';
import { AgreementParty } from './operations/agreement-party.js';
import { BatchMeterUsage } from './operations/batch-meter-usage.js';
import { ClientTokens } from './operations/client-tokens.js';
import { ComputeFleet } from './operations/compute-fleet.js';
import { ContainerTime } from './operations/container-time.js';
import { DescribeAgreement } from './operations/describe-agreement.js';
import { GetAgreementTerms } from './operations/get-agreement-terms.js';
import { GetEntitlements } from './operations/get-entitlements.js';
import { LookupEvents } from './operations/lookup-events.js';
import { MeterUsage } from './operations/meter-usage.js';
import { ProductKeys } from './operations/product-keys.js';
import { RegisterUsage } from './operations/register-usage.js';
import { RegistrationTokens } from './operations/registration-tokens.js';
import { ResolveCustomer } from './operations/resolve-customer.js';
import { SearchAgreements } from './operations/search-agreements.js';
import { SoftwareAdmission } from './operations/software-admission.js';
import { Trail } from './trail/trail.js';
import { UsageBook } from './operations/usage-book.js';
import { SeededRandom } from './seeded-random.js';
import { type SimulatorOptions } from './simulator-options.js';
import { presets, type Switches } from './switches.js';
import { VirtualClock } from './virtual-clock.js';
import { ApiDispatcher } from './wire/api-dispatcher.js';
import { CallLog } from './wire/call-log.js';
import { CallQuota } from './wire/call-quota.js';
import { FaultInjector } from './wire/fault-injector.js';
import { restoreSnapshot, type SnapshotParts, takeSnapshot } from './world-snapshot.js';

export type World = ReturnType<typeof buildWorld>;

/** Wires one marketplace together. Each concern has its own stream of the seed. */
export function buildWorld(options: SimulatorOptions) {
  const streams: Record<string, SeededRandom> = {};
  const stream = (name: string): SeededRandom => (streams[name] = new SeededRandom(options.seed ?? 1, name));
  const sellerAccountId = options.sellerAccountId ?? '123456789012';
  const clock = options.clock ?? new VirtualClock();
  const switches: Switches = { ...presets[options.preset ?? 'strict'], ...options.switches };
  const faults = new FaultInjector(stream('faults'));
  const log = new CallLog(options.callLogLimit ?? 100_000);
  const catalog = new MarketplaceCatalog(stream('catalog'));
  const lifecycle = new AgreementLifecycle(catalog, clock, switches);
  const [ids, fate] = [stream('messages'), stream('deliveries')];
  const notifications = new Notifications({ sellerAccountId, catalog, clock, switches, ids, fate });
  lifecycle.onEvent((event) => {
    notifications.publish(event);
  });
  const tokens = new RegistrationTokens(stream('tokens'), switches);
  const book = new UsageBook(stream('metering records'), switches, sellerAccountId);
  const fleet = new ComputeFleet(sellerAccountId, stream('fleet'));
  const admission = new SoftwareAdmission(catalog, sellerAccountId, switches);
  const clientTokens = new ClientTokens();
  const keys = new ProductKeys(switches);
  const time = new ContainerTime(fleet, switches);
  const party = new AgreementParty(catalog, sellerAccountId, switches);
  const trail = new Trail(sellerAccountId, log, clock, switches);
  // Wall time unless told otherwise: AWS's quota does not run faster because a test's clock does.
  const quotaClock = options.quotaTime === 'clock' ? () => clock.now().getTime() : () => performance.now();
  const quota = new CallQuota(options.callsPerSecond ?? {}, quotaClock);
  const dispatcher = new ApiDispatcher({
    sellerAccountId,
    clock,
    switches,
    faults,
    log,
    quota,
    ids: stream('requests'),
    identify: (accessKeyId, sessionToken) => fleet.identify(accessKeyId, sessionToken),
    productOf: (licenseArn, moment) => catalog.byLicenseArn(licenseArn, moment)?.productCode,
    handlers: {
      ResolveCustomer: new ResolveCustomer(catalog, tokens, switches),
      BatchMeterUsage: new BatchMeterUsage(catalog, book, switches, stream('result order')),
      MeterUsage: new MeterUsage(admission, clientTokens, book, switches, stream('previews')),
      RegisterUsage: new RegisterUsage(admission, keys, time, switches),
      GetEntitlements: new GetEntitlements(catalog, switches),
      LookupEvents: new LookupEvents(trail, switches),
      SearchAgreements: new SearchAgreements(catalog, party, switches),
      DescribeAgreement: new DescribeAgreement(catalog, party, switches),
      GetAgreementTerms: new GetAgreementTerms(catalog, party, switches),
    },
  });
  // The lifecycle comes last: what fell due since a snapshot happens when it is restored.
  const stores = {
    clock,
    catalog,
    tokens,
    book,
    fleet,
    admission,
    clientTokens,
    keys,
    time,
    faults,
    log,
    trail,
    notifications,
    lifecycle,
  };
  return {
    ...stores,
    sellerAccountId,
    switches,
    streams,
    stores,
    dispatcher,
    quota,
    pricing: new UsagePricing(catalog),
  };
}

/** Reads the world from the file, and returns what writes it there again. */
export async function keepIn(
  path: string,
  everything: SnapshotParts,
  lifecycle: AgreementLifecycle,
): Promise<() => Promise<void>> {
  const { StateFile } = await import('./control/state-file.js');
  const file = new StateFile(path, () => takeSnapshot(everything));
  const kept = file.read();
  if (kept) restoreSnapshot(everything, kept);
  const save = async (): Promise<void> => {
    try {
      await file.save();
    } catch (error) {
      process.emitWarning(`The state file ${path} could not be written: ${String(error)}`);
      throw error;
    }
  };
  // What time alone brings about is no answer to anybody, and is kept all the same.
  lifecycle.onEvent(() => void save().catch(() => undefined));
  return save;
}
