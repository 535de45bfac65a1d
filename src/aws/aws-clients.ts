import { Inject, Injectable, type OnApplicationShutdown, Optional } from '@nestjs/common';
import { type CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { type MarketplaceAgreementClient } from '@aws-sdk/client-marketplace-agreement';
import { type MarketplaceEntitlementServiceClient } from '@aws-sdk/client-marketplace-entitlement-service';
import { MarketplaceMeteringClient } from '@aws-sdk/client-marketplace-metering';
import { type CredentialsProvider } from '../options/aws-options.js';
import { mainRegionOf } from '../options/partition.js';
import { isInstallation, type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { CALLER_CREDENTIALS, type CallerCredentials } from './caller-credentials.js';
import { ProxiedHandler } from './proxied-handler.js';
import { roleCredentials } from './role-credentials.js';

const CONNECTION_TIMEOUT_MS = 5000;
const LAST_RESORT_MS = 60_000;
const STS_TIMEOUT_MS = 10_000;

/**
 * One client per service and region. The SDK's own retries are off: a retry inside one send would hide that an earlier
 * answer was lost, and that is the one thing the ledger must know. What not every application needs is loaded with its
 * first use.
 */
@Injectable()
export class AwsClients implements OnApplicationShutdown {
  private readonly meteringClients = new Map<string, MarketplaceMeteringClient>();
  private readonly entitlementClients = new Map<string, MarketplaceEntitlementServiceClient>();
  private readonly works: (() => Promise<void>)[] = [];
  private readonly agreementClients = new Map<string, MarketplaceAgreementClient>();
  private readonly trailClients = new Map<string, CloudTrailClient>();
  private readonly stsHandler: ProxiedHandler;
  private readonly credentials: CredentialsProvider | undefined;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    @Optional() @Inject(CALLER_CREDENTIALS) caller: CallerCredentials = null,
  ) {
    const { credentials, assumeRole, proxy } = options.aws;
    this.stsHandler = new ProxiedHandler(
      { connectionTimeout: CONNECTION_TIMEOUT_MS, requestTimeout: STS_TIMEOUT_MS },
      proxy,
    );
    const given = credentials ?? caller ?? undefined;
    this.credentials = assumeRole
      ? roleCredentials(assumeRole, given, {
          region: options.products[0]?.region ?? 'us-east-1',
          requestHandler: this.stsHandler,
          ...this.variants(),
        })
      : given;
  }

  metering(region: string): MarketplaceMeteringClient {
    const client = this.meteringClients.get(region) ?? new MarketplaceMeteringClient(this.configuration(region));
    this.meteringClients.set(region, client);
    return client;
  }

  async entitlement(region: string): Promise<MarketplaceEntitlementServiceClient> {
    const { MarketplaceEntitlementServiceClient: Client } =
      await import('@aws-sdk/client-marketplace-entitlement-service');
    const served = mainRegionOf(region);
    const client = this.entitlementClients.get(served) ?? new Client(this.configuration(served));
    this.entitlementClients.set(served, client);
    return client;
  }

  /** The Agreement API is served where GetEntitlements is. */
  async agreement(region: string): Promise<MarketplaceAgreementClient> {
    const { MarketplaceAgreementClient: Client } = await import('@aws-sdk/client-marketplace-agreement');
    const served = mainRegionOf(region);
    const client = this.agreementClients.get(served) ?? new Client(this.configuration(served));
    this.agreementClients.set(served, client);
    return client;
  }

  /** CloudTrail has a log of its own in each region. */
  async trail(region: string): Promise<CloudTrailClient> {
    const { CloudTrailClient: Client } = await import('@aws-sdk/client-cloudtrail');
    const client = this.trailClients.get(region) ?? new Client(this.configuration(region));
    this.trailClients.set(region, client);
    return client;
  }

  /** Whose credentials sign in a region, and how it is reached. For a client that its user closes. */
  connection(region: string, requestTimeoutMs: number) {
    return {
      region,
      requestHandler: new ProxiedHandler(
        { connectionTimeout: CONNECTION_TIMEOUT_MS, requestTimeout: requestTimeoutMs },
        this.options.aws.proxy,
      ),
      ...this.variants(),
      ...(this.credentials === undefined ? {} : { credentials: this.credentials }),
    };
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
    this.stsHandler.destroy();
  }

  private configuration(region: string) {
    const { endpoint } = this.options.aws;
    return {
      // The time is a last resort: `callSdk` ends each call in its own.
      ...this.connection(region, Math.max(LAST_RESORT_MS, this.options.submission.requestTimeoutMs)),
      maxAttempts: 1,
      // AWS_ENDPOINT_URL is the buyer's to set where software runs in a buyer's account, and must not answer for AWS.
      ...(isInstallation(this.options) ? { ignoreConfiguredEndpointUrls: true } : {}),
      ...(endpoint === undefined ? {} : { endpoint }),
    };
  }

  private variants(): { useFipsEndpoint?: boolean; useDualstackEndpoint?: boolean } {
    const { useFipsEndpoint, useDualstackEndpoint } = this.options.aws;
    return {
      ...(useFipsEndpoint === undefined ? {} : { useFipsEndpoint }),
      ...(useDualstackEndpoint === undefined ? {} : { useDualstackEndpoint }),
    };
  }
}
