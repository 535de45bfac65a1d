import 'reflect-metadata';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type MarketplaceEvent, type MarketplaceEventType } from './marketplace-event.js';

/** What is known of the attempt by which an event comes. */
export interface Delivery {
  /** The same at every attempt of this handler on this event. */
  id: string;
  /** 1 for the first. */
  attempt: number;
  /** Name of the module's instance that tells of the event, null for the unnamed one. */
  instance: string | null;
  /**
   * Aborts when the attempt has taken `handlers.timeoutMs`: the event will come again, and what still runs should stop.
   */
  signal: AbortSignal;
}

/** What tells a handler from others. */
export interface HandlerOptions {
  /**
   * Durable name of the handler, unique in the application. Default `Class.method`; give one that survives renaming and
   * minifying.
   */
  id?: string;
  /** Hears the instance of this name only. Default: every instance of the application. */
  instance?: string;
}

/** What the decorator leaves on a method. */
export interface HandlerMetadata {
  types: readonly MarketplaceEventType[];
  options: HandlerOptions;
}

/** A method that `@OnMarketplaceEvent` may stand on. What it returns is awaited, and otherwise not looked at. */
export type MarketplaceEventHandler<T extends MarketplaceEventType> = (
  event: MarketplaceEvent<T>,
  delivery: Delivery,
) => unknown;

const HANDLER = 'marketplace-metering:handler';

/**
 * Hands events to this method of a provider or controller: after the commit that made them true, at least once, for
 * each subscription in order, and again with growing pauses when it throws. See docs/events.md.
 *
 * @example
 * ```ts
 * @OnMarketplaceEvent('subscription.activated', { id: 'provision' })
 * async provision(event: MarketplaceEvent<'subscription.activated'>): Promise<void> { … }
 * ```
 */
export function OnMarketplaceEvent<const T extends MarketplaceEventType>(
  types: T | readonly T[],
  options: HandlerOptions = {},
) {
  return <M extends MarketplaceEventHandler<T>>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    const refuse = (why: string): never => {
      throw new MarketplaceMeteringError(
        'HANDLER_INVALID',
        `@OnMarketplaceEvent cannot stand on ${String(name)}: ${why}.`,
      );
    };
    if (typeof target === 'function') refuse('it is static; put it on a method of an instance');
    if (typeof name === 'symbol') refuse('it is named by a symbol; give it a name');
    const method = descriptor.value ?? refuse('it is no method');
    if (Reflect.hasOwnMetadata(HANDLER, target, name) || Reflect.hasOwnMetadata(HANDLER, method))
      refuse('it stands there already; name all types in one');
    const metadata: HandlerMetadata = { types: [types].flat(), options };
    // At the place, because a decorator above (tracing, a transaction) may put another function there; and on the
    // function, which a mixin may take along to another class.
    Reflect.defineMetadata(HANDLER, metadata, target, name);
    Reflect.defineMetadata(HANDLER, metadata, method);
  };
}

/**
 * Of the method that an object of this prototype would run: a class that overrides a handler without the decorator has
 * dropped it.
 */
export function handlerMetadataOf(prototype: object, name: string): HandlerMetadata | undefined {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) return undefined;
  const method = (owner as Record<string, unknown>)[name];
  const atPlace = Reflect.getOwnMetadata(HANDLER, owner, name) as HandlerMetadata | undefined;
  if (atPlace !== undefined || typeof method !== 'function') return atPlace;
  return Reflect.getOwnMetadata(HANDLER, method) as HandlerMetadata | undefined;
}
