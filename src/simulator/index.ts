/** AWS Marketplace on localhost, for tests and demos. */
export { type Agreement, type Entitlement, type SubscribeOptions } from './agreement.js';
export { type ApiRequest, type Operation } from './api-request.js';
export { type ApiCall, type CallFilter } from './call-log.js';
export { type CallQuotas } from './call-quota.js';
export {
  type Fault,
  type FaultEffect,
  type FaultHandle,
  type FaultInjector,
  type FaultKind,
  type FaultScope,
  type RecordSubset,
} from './fault-injector.js';
export { type JsonObject } from './input-reader.js';
export { type Dimension, type Listing, type ProductIdentity, type ProductOptions } from './listing.js';
export { MarketplaceSimulator, type SimulatorOptions } from './marketplace-simulator.js';
export { defaultSwitches, type Switches } from './switches.js';
export { type BillFilter, type BillLine } from './usage-book.js';
export { type UsageAllocation, type UsageRecord } from './usage-record.js';
export { type SimulatorClock, VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
