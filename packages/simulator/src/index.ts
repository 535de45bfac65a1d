/** AWS Marketplace on localhost, for tests and demos. */
export {
  type Agreement,
  type AgreementIntent,
  type AgreementStatus,
  type Amendment,
  type CancellationReason,
  type CancellationRequest,
  cancellationReasons,
  type Entitlement,
  type SubscribeOptions,
  type SuccessorTerms,
} from './market/agreement.js';
export {
  type BillingAdjustment,
  type RenewalTerms,
  type Rumour,
  type RumourOptions,
  type SpendVetting,
} from './market/market-event.js';
export { type Operation } from './wire/api-operation.js';
export { type ApiRequest } from './wire/api-request.js';
export { type ApiCall, type CallFilter } from './wire/call-log.js';
export { type CallMatcher, type RecordMatcher } from './wire/call-matcher.js';
export { type CallQuotas } from './wire/call-quota.js';
export {
  type ArmedFault,
  type Fault,
  type FaultEffect,
  type FaultHandle,
  type FaultKind,
  type FaultScope,
  type Forgery,
  type RecordSubset,
} from './wire/fault.js';
export { type FaultInjector } from './wire/fault-injector.js';
export { type JsonObject } from './wire/input-reader.js';
export {
  type ComputePlatform,
  type ComputeResource,
  type CredentialSource,
  type LaunchOptions,
  type ResourceCredentials,
} from './wire/compute-resource.js';
export {
  type Dimension,
  type Listing,
  type ProductChange,
  type ProductIdentity,
  type ProductOptions,
  type ProductType,
} from './market/listing.js';
export { type EnvironmentOptions, type EnvironmentVariables } from './environment/environment-options.js';
export { MarketplaceSimulator } from './marketplace-simulator.js';
export { type SimulatorOptions } from './simulator-options.js';
export { type Delivery, type DeliveryFilter, type Waiting } from './notifications/delivery-log.js';
export {
  type ApiDestinationOptions,
  type SnsHttpOptions,
  type SqsOptions,
  type TargetOptions,
} from './notifications/delivery-target.js';
export { type Disturbance, type DisturbanceEffect, type DisturbanceHandle } from './notifications/disturbance.js';
export { type EventBridgeEvent } from './notifications/event-bridge-event.js';
export {
  type MessageFilter,
  type NotificationChannel,
  type NotificationMessage,
} from './notifications/notification-message.js';
export { type Notifications, type Target } from './notifications/notifications.js';
export { type SnsEnvelope } from './notifications/sns-envelope.js';
export {
  type EntitlementNotice,
  type SnsNotice,
  type SnsTopic,
  type SubscriptionNotice,
} from './notifications/sns-notice.js';
export { SeededRandom } from './seeded-random.js';
export { defaultSwitches, type PresetName, presets, type Switches, switchValues } from './switches.js';
export { type ProductKey } from './operations/product-keys.js';
export { type PriceSegment } from './market/price-segment.js';
export { type AcceptedUsage } from './operations/accepted-usage.js';
export { type BillFilter, type BillLine } from './operations/usage-book.js';
export { type ScenarioInput } from './control/scenario.js';
export { type WorldSnapshot } from './world-snapshot.js';
export { type ForeignRecord, type Trail, type TrailScope } from './trail/trail.js';
export { type TrailEvent } from './trail/trail-event.js';
export { type TrailFile, type TrailFileOptions } from './trail/trail-file.js';
export { type UsageAllocation, type UsageRecord } from './wire/usage-record.js';
export { type SimulatorClock, VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
