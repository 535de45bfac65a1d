import {
  type Agreement,
  type Amendment,
  type CancellationReason,
  type CancellationRequest,
  type Entitlement,
  type SubscribeOptions,
  type SuccessorTerms,
} from '../market/agreement.js';
import { type EnvironmentOptions, type EnvironmentVariables } from '../environment/environment-options.js';
import { type Listing, type ProductChange, type ProductOptions } from '../market/listing.js';
import { type Rumour, type RumourOptions } from '../market/market-event.js';
import { type PriceSegment } from '../market/price-segment.js';
import { type Notifications } from '../notifications/notifications.js';
import { type AcceptedUsage } from '../operations/accepted-usage.js';
import { type ComputeResource, type LaunchOptions } from '../wire/compute-resource.js';
import { type ProductKey } from '../operations/product-keys.js';
import { type BillFilter, type BillLine } from '../operations/usage-book.js';
import { type Switches } from '../switches.js';
import { type Trail } from '../trail/trail.js';
import { type SimulatorClock } from '../virtual-clock.js';
import { type ApiCall, type CallFilter } from '../wire/call-log.js';
import { type CallQuotas } from '../wire/call-quota.js';
import { type FaultInjector } from '../wire/fault-injector.js';
import { type WorldSnapshot } from '../world-snapshot.js';

/**
 * What the control room needs of the simulator. The simulator has it, and knows the control room only once somebody
 * knocks.
 */
export interface ControlledSimulator {
  readonly clock: SimulatorClock;
  readonly switches: Readonly<Switches>;
  readonly faults: FaultInjector;
  readonly notifications: Pick<
    Notifications,
    'targets' | 'addTarget' | 'removeTarget' | 'disturb' | 'undisturb' | 'release' | 'messages' | 'deliveries' | 'send'
  >;
  readonly trail: Pick<Trail, 'lose' | 'delay' | 'insert' | 'files' | 'expireTokens' | 'clear'>;
  setSwitches(switches: Partial<Switches>): void;
  createProduct(options: ProductOptions): Listing;
  changeProduct(productCode: string, change: ProductChange): Listing;
  products(): Listing[];
  setCallsPerSecond(callsPerSecond: number | Partial<CallQuotas>): void;
  subscribe(options: SubscribeOptions): Agreement;
  failSubscription(options: SubscribeOptions): Agreement;
  agreement(agreementId: string): Agreement;
  agreements(): Agreement[];
  registrationForm(agreementId: string): Record<string, string>;
  amend(agreementId: string, amendment: Amendment): Agreement;
  renew(agreementId: string, terms: SuccessorTerms): Agreement;
  replace(agreementId: string, terms: SuccessorTerms): Agreement;
  convertTrial(agreementId: string, terms: SuccessorTerms): Agreement;
  end(agreementId: string, options: { at?: Date; as?: Agreement['endsAs'] }): Agreement;
  cancel(agreementId: string): Agreement;
  suspend(agreementId: string): Agreement;
  reinstate(agreementId: string): Agreement;
  setEntitlements(agreementId: string, entitlements: readonly Entitlement[]): Agreement;
  requestCancellation(agreementId: string, reason?: CancellationReason, message?: string): Agreement;
  answerCancellation(
    agreementId: string,
    status: Exclude<CancellationRequest['status'], 'PENDING_APPROVAL'>,
    message?: string,
  ): Agreement;
  spreadRumour(agreementId: string, kind: Rumour, options: RumourOptions): void;
  issueAdvisory(agreementId: string): void;
  resolveAdvisory(agreementId: string): void;
  launch(options: LaunchOptions): ComputeResource;
  environmentOf(resourceId: string, options: EnvironmentOptions): Promise<EnvironmentVariables>;
  terminate(resourceId: string): ComputeResource;
  resources(): ComputeResource[];
  publicKeys(productCode: string): ProductKey[];
  rotatePublicKey(productCode: string): ProductKey[];
  retirePublicKey(productCode: string, version: number): ProductKey[];
  bill(filter: BillFilter): BillLine[];
  acceptedUsage(filter: BillFilter): AcceptedUsage[];
  priceSegments(): PriceSegment[];
  calls(filter: CallFilter): ApiCall[];
  snapshot(): WorldSnapshot;
  restore(snapshot: WorldSnapshot): void;
  reset(): void;
}
