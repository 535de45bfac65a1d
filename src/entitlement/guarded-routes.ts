import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { placesWithoutRoute, routesWithout } from '../runtime/lasting-decorator.js';
import { guardMisplaced, REQUIRED_ENTITLEMENT } from './entitlement.guard.js';

/**
 * Looks at the start whether each route that bears `@RequireEntitlement` still has its guard. Where another function was
 * put in its place later (instrumentation, a mixin), Nest would find none, and let everyone in. Where no HTTP request
 * comes, nothing says whose a call is.
 */
@Injectable()
export class GuardedRoutes implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** @throws MarketplaceMeteringError `GUARD_LOST`, `GUARD_MISPLACED` */
  onModuleInit(): void {
    const [place] = placesWithoutRoute(REQUIRED_ENTITLEMENT, this.discovery, this.scanner);
    if (place !== undefined) throw guardMisplaced(place);
    const [route] = routesWithout(REQUIRED_ENTITLEMENT, this.discovery, this.scanner);
    if (route === undefined) return;
    throw new MarketplaceMeteringError(
      'GUARD_LOST',
      `@RequireEntitlement on ${route} has lost its guard: another function stands in ` +
        'its place. Put the decorator above what replaces the method.',
    );
  }
}
