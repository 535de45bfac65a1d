import { type Provider } from '@nestjs/common';
import { type CallerCredentials, CALLER_CREDENTIALS } from '../aws/caller-credentials.js';
import { StartCheckGateway } from '../aws/start-check-gateway.js';
import { METERING_RESOURCE, type MeteringResourceSource } from '../metering/submission/metering-resource.js';
import { isInstallation, type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { MarketplaceReadiness } from './marketplace-readiness.service.js';
import { StartChecks } from './start-checks.js';
import { UnregisteredWatch } from './unregistered-watch.js';
import { UsageRegistrar } from './usage-registrar.js';
import { WorkloadDiscovery } from './workload-discovery.js';

/** Everything in this room that Nest builds, and what it does for others: who signs, and which resource meters. */
export const CONTAINER_PROVIDERS: Provider[] = [
  WorkloadDiscovery,
  StartCheckGateway,
  UsageRegistrar,
  UnregisteredWatch,
  StartChecks,
  MarketplaceReadiness,
  {
    provide: CALLER_CREDENTIALS,
    inject: [RESOLVED_OPTIONS, WorkloadDiscovery],
    useFactory: (options: ResolvedOptions, discovery: WorkloadDiscovery): CallerCredentials =>
      isInstallation(options) ? async () => (await discovery.find()).credentials() : null,
  },
  {
    provide: METERING_RESOURCE,
    inject: [WorkloadDiscovery],
    useFactory:
      (discovery: WorkloadDiscovery): MeteringResourceSource =>
      () =>
        discovery.resource(),
  },
];
