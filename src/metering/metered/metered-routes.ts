import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { placesWithoutRoute, routesWithout } from '../../runtime/lasting-decorator.js';
import { METERED, meterMisplaced } from './meter.js';

/**
 * Looks at the start whether each route that bears `@Metered` is still counted. Where another function was put in its
 * place later (instrumentation, a mixin), Nest would find no interceptor, and its usage would be free.
 */
@Injectable()
export class MeteredRoutes implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** @throws MarketplaceMeteringError `METERED_INVALID` */
  onModuleInit(): void {
    const [place] = placesWithoutRoute(METERED, this.discovery, this.scanner);
    if (place !== undefined) throw meterMisplaced(place);
    const [route] = routesWithout(METERED, this.discovery, this.scanner);
    if (route === undefined) return;
    throw new MarketplaceMeteringError(
      'METERED_INVALID',
      `@Metered on ${route} counts nothing: another function stands in its place. Put ` +
        'the decorator above what replaces the method.',
    );
  }
}
