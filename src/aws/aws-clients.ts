import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import { type CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { type MarketplaceAgreementClient } from '@aws-sdk/client-marketplace-agreement';
import { MarketplaceEntitlementServiceClient } from '@aws-sdk/client-marketplace-entitlement-service';
import { MarketplaceMeteringClient } from '@aws-sdk/client-marketplace-metering';
import { isInstallation, type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { CALLER_CREDENTIALS, type CallerCredentials } from './caller-credentials.js';

const CONNECTION_TIMEOUT_MS = 5000;
const LAST_RESORT_MS = 60_000;

/** GetEntitlements is served in one region of each partition, whatever region a product meters in. */
export function entitlementRegionOf(region: string): string {
  if (region.startsWith('cn-')) return 'cn-northwest-1';
  if (region.startsWith('eusc-')) return 'eusc-de-east-1';
  return 'us-east-1';
}

/**
 * One client per service and region. The SDK's own retries are off: a retry inside one send would hide that an earlier
 * answer was lost, and that is the one thing the ledger must know.
 */
@Injectable()
export class AwsClients implements OnApplicationShutdown {
  private readonly meteringClients = new Map<string, MarketplaceMeteringClient>();
  private readonly entitlementClients = new Map<string, MarketplaceEntitlementServiceClient>();
  private readonly works: (() => Promise<void>)[] = [];
  private readonly agreementClients = new Map<string, MarketplaceAgreementClient>();
  private readonly trailClients = new Map<string, CloudTrailClient>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    @Optional() @Inject(CALLER_CREDENTIALS) private readonly caller: CallerCredentials = null,
  ) {}

  metering(region: string): MarketplaceMeteringClient {
    const client = this.meteringClients.get(region) ?? new MarketplaceMeteringClient(this.configuration(region));
    this.meteringClients.set(region, client);
    return client;
  }

  entitlement(region: string): MarketplaceEntitlementServiceClient {
    const served = entitlementRegionOf(region);
    const client =
      this.entitlementClients.get(served) ?? new MarketplaceEntitlementServiceClient(this.configuration(served));
    this.entitlementClients.set(served, client);
    return client;
  }

  /**
   * The Agreement API is served where GetEntitlements is. Its client is loaded on first use: most processes never ask.
   */
  async agreement(region: string): Promise<MarketplaceAgreementClient> {
    const { MarketplaceAgreementClient: Client } = await import('@aws-sdk/client-marketplace-agreement');
    const served = entitlementRegionOf(region);
    const client = this.agreementClients.get(served) ?? new Client(this.configuration(served));
    this.agreementClients.set(served, client);
    return client;
  }

  /** CloudTrail has a log of its own in each region. Its client is loaded on first use. */
  async trail(region: string): Promise<CloudTrailClient> {
    const { CloudTrailClient: Client } = await import('@aws-sdk/client-cloudtrail');
    const client = this.trailClients.get(region) ?? new Client(this.configuration(region));
    this.trailClients.set(region, client);
    return client;
  }

  /** `work` ends before the clients are closed: Nest puts no order between what ends in one phase of the shutdown. */
  beforeClose(work: () => Promise<void>): void {
    this.works.push(work);
  }

  /** After the jobs have drained: a call under way keeps its connection. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.works.map((work) => work()));
    for (const clients of [this.meteringClients, this.entitlementClients, this.agreementClients, this.trailClients]) {
      for (const client of clients.values()) client.destroy();
      clients.clear();
    }
  }

  private configuration(region: string) {
    const { endpoint } = this.options.aws;
    const credentials = this.options.aws.credentials ?? this.caller ?? undefined;
    return {
      region,
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        // A last resort, which without the second line would be one in the log: `callSdk` ends each call in its time.
        requestTimeout: Math.max(LAST_RESORT_MS, this.options.submission.requestTimeoutMs),
        throwOnRequestTimeout: true,
      },
      // AWS_ENDPOINT_URL is the buyer's to set where software runs in a buyer's account, and must not answer for AWS.
      ...(isInstallation(this.options) ? { ignoreConfiguredEndpointUrls: true } : {}),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    };
  }
}
