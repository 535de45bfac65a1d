import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { type EntitlementOwnerOf } from '../../options/entitlement-options.js';
import { type Decimal } from '../../runtime/decimal.js';

/** How a route is counted. `request` and `answer` are what the handler gets and returns; Express or Fastify. */
export interface MeteredOptions {
  /** Units of one request, or a function that says them once the handler has answered. Default 1. */
  quantity?: Decimal | ((request: unknown, answer: unknown) => Decimal | Promise<Decimal>);
  /** Whose the request is; null: nobody's, it is not counted. Default: the option `entitlementOwner`. */
  owner?: EntitlementOwnerOf;
  /**
   * What makes two requests one: a header's name, or a function. Requests of one key are counted once per tenant, so it
   * must be a key that your application itself answers only once; a client that may choose it freely may use for nothing.
   * Default: none, each request counts.
   */
  idempotencyKey?: string | ((request: unknown) => string | undefined);
  /** Tags of the usage. */
  tags?: (request: unknown) => Record<string, string>;
  /**
   * What becomes of a request whose usage cannot be recorded: `refuse` answers 503 in place of what the handler did (the
   * default); `answer` lets the answer out, and the usage stands in the log as an error, with all that recording it by
   * hand takes.
   */
  whenUnrecorded?: 'refuse' | 'answer';
  /** Of a named instance of the module. */
  name?: string;
}

/** One `@Metered`, as it stands on a method or class. */
export interface Meter extends MeteredOptions {
  dimension: string;
}

export const METERED = 'marketplace-metering:metered';

export function meterMisplaced(place: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError(
    'METERED_INVALID',
    `@Metered on ${place}: it counts HTTP requests. Call MeteringService.record there.`,
  );
}
