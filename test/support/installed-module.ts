import { type DynamicModule } from '@nestjs/common';
import { type ComputeResource } from 'aws-marketplace-simulator';
import { MarketplaceMeteringModule, type Options, type StaticOptions } from '../../src/index.js';
import { replicaOptions, type ReplicaWorld } from './replica-options.js';

// Without Jest: processes that a test kills have it too.

export const CONTAINER = 'larkspur-container';
export const UNITS = 'units';
export type Product = NonNullable<Options['products']>[number];

/** What every process of an installation is told, but for the resource that it runs on. */
export function installedOptions(
  place: ReplicaWorld,
  product: Partial<Product>,
  options: Options & StaticOptions = {},
): Options & StaticOptions {
  return replicaOptions(place, {
    products: [{ productCode: CONTAINER, type: 'container', dimensions: [UNITS], ...product }],
    ...options,
    aws: { callsPerSecond: { meterUsage: 1000 }, ...options.aws },
    submission: { spreadMs: 0, ...options.submission },
  });
}

/** The module on a resource: where it runs it is told by hand. */
export function installedModule(options: Options & StaticOptions, resource: ComputeResource): DynamicModule {
  const { resourceId: id, region, launchedAt: startedAt, credentials } = resource;
  return MarketplaceMeteringModule.forRoot({
    ...options,
    aws: { ...options.aws, credentials: () => Promise.resolve({ ...credentials }) },
    // What happens at the start is a story of its own: test/cases/workload-starts.spec.ts.
    container: { resource: { id, region, startedAt }, serves: false },
  });
}
