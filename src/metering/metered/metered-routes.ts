import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { isDecoratorLost } from '../../runtime/lasting-decorator.js';
import { METERED } from './meter.js';

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
    for (const { metatype } of this.discovery.getControllers()) {
      const prototype = (metatype as { prototype?: object } | null)?.prototype;
      if (!prototype) continue;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        if (!isDecoratorLost(METERED, prototype, name)) continue;
        throw new MarketplaceMeteringError(
          'METERED_INVALID',
          `@Metered on ${prototype.constructor.name}.${name} counts nothing: another function stands in its place. Put ` +
            'the decorator above what replaces the method.',
        );
      }
    }
  }
}
