import { Inject, Injectable, Logger, type OnModuleInit, Optional } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type MarketplaceErrorCode, MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { INSTANCE_NAME } from '../runtime/job-scheduler.js';
import { byText } from '../runtime/order.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AlertBoard } from './alert-board.js';
import { type HandlerRegistration, registerHandlers } from './event-handler.sql.js';
import { MARKETPLACE_EVENT_TYPES } from './event-catalogue.js';
import { type MarketplaceEvent } from './marketplace-event.js';
import { type Delivery, handlerMetadataOf } from './on-marketplace-event.decorator.js';

/** A method of the host that hears events. */
export interface EventHandler extends HandlerRegistration {
  /** As a plain call: what the host has put around its routes does not stand in between. */
  handle(event: MarketplaceEvent, delivery: Delivery): unknown;
}

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Method = (event: MarketplaceEvent, delivery: Delivery) => unknown;

const ID_MAX = 255;

/**
 * The host's handlers, found on its providers and controllers when the application starts, and entered in the database
 * before any job runs: from then on every event of their types waits for them, whichever process writes it.
 */
@Injectable()
export class EventHandlers implements OnModuleInit {
  private readonly logger = new Logger('MarketplaceHandlers');
  private found: readonly EventHandler[] = [];

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly modules: ModulesContainer,
    @Optional() @Inject(INSTANCE_NAME) private readonly instanceName?: string,
  ) {}

  /** Handlers of this process, once the application has started. */
  get all(): readonly EventHandler[] {
    return this.found;
  }

  /** @throws MarketplaceMeteringError `HANDLER_DUPLICATE`, `HANDLER_INVALID` */
  async onModuleInit(): Promise<void> {
    this.found = this.discover();
    if (this.found.length === 0) return;
    await this.database.transaction(async (tx) => {
      await registerHandlers(tx, this.options.sellerAccount, this.found);
      await this.alerts.resolve(tx, 'handlerAway', this.found.flatMap(awaySubjectsOf));
    });
    this.logger.log('event handlers found', { ids: this.found.map(({ id }) => id) });
  }

  private discover(): EventHandler[] {
    const found = new Map<string, { handler: EventHandler; owner: object; name: string }>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      if (wrapper.isAlias) continue;
      const isShared = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
      const owner = isShared ? (wrapper.instance as unknown) : prototypeOf(wrapper);
      if (typeof owner !== 'object' || owner === null) continue;
      const prototype = isShared ? (Object.getPrototypeOf(owner) as object | null) : owner;
      if (prototype === null) continue;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        const metadata = handlerMetadataOf(prototype, name);
        if (!metadata) continue;
        const place = `${prototype.constructor.name}.${name}`;
        if (!isShared) {
          throw invalid(
            place,
            'its provider is made anew for each request or each use, and an event belongs to none; use the ' +
              'default scope',
          );
        }
        const { id = place, instance } = metadata.options;
        this.check(place, id, metadata.types, instance);
        if (instance !== undefined && instance !== this.instanceName) continue;
        const known = found.get(id);
        // The same object under a second token is still one handler.
        if (known?.owner === owner && known.name === name) continue;
        if (known) {
          throw invalid(
            place,
            `the id ${JSON.stringify(id)} belongs to another handler; give each an id of its own, and provide ` +
              'its class once',
            'HANDLER_DUPLICATE',
          );
        }
        const types = [...new Set(metadata.types)];
        // By name, so that what has been wrapped around the method of this object since is called, too.
        const handle: Method = (event, delivery) => (owner as Record<string, Method>)[name]?.(event, delivery);
        found.set(id, { owner, name, handler: { id, types, handle } });
      }
    }
    return [...found.values()].map(({ handler }) => handler).sort((a, b) => byText(a.id, b.id));
  }

  private check(place: string, id: string, types: readonly string[], instance: string | undefined): void {
    if (id.trim() === '' || id.length > ID_MAX) throw invalid(place, `its id must have 1 to ${ID_MAX} characters`);
    if (types.length === 0) throw invalid(place, 'it names no type of event');
    const unknown = types.filter((type) => !(MARKETPLACE_EVENT_TYPES as readonly string[]).includes(type));
    if (unknown.length > 0) {
      throw invalid(
        place,
        `there is no event ${unknown.join(', ')}; the events are ${MARKETPLACE_EVENT_TYPES.join(', ')}`,
      );
    }
    if (instance === undefined) return;
    const names = [...this.modules.values()].map(({ providers }) => providers.get(INSTANCE_NAME)?.instance);
    // It would wait in silence for ever.
    if (!names.includes(instance))
      throw invalid(place, `no MarketplaceMeteringModule is named ${JSON.stringify(instance)}`);
  }
}

/** Subjects of the alert that nobody has the handler, one for each type. */
export function awaySubjectsOf({ id, types }: HandlerRegistration): string[] {
  return types.map((type) => `${id} ${type}`);
}

/** Of a class that has no one instance. */
function prototypeOf({ metatype }: Wrapper): unknown {
  return (metatype as { prototype?: unknown } | null)?.prototype;
}

function invalid(place: string, why: string, code: MarketplaceErrorCode = 'HANDLER_INVALID'): MarketplaceMeteringError {
  return new MarketplaceMeteringError(code, `@OnMarketplaceEvent on ${place}: ${why}.`);
}
