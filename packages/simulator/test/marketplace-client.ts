import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import { MarketplaceAgreementClient } from '@aws-sdk/client-marketplace-agreement';
import { MarketplaceEntitlementServiceClient } from '@aws-sdk/client-marketplace-entitlement-service';
import { MarketplaceMeteringClient } from '@aws-sdk/client-marketplace-metering';
import { type ResourceCredentials } from '../src/index.js';

export interface ClientOptions {
  region?: string;
  maxAttempts?: number;
  systemClockOffset?: number;
  credentials?: ResourceCredentials;
}

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

/** The unmodified SDK client, pointed at a simulator; retries are off so that a test sees each answer. */
export function meteringClient(endpoint: string, options: ClientOptions = {}): MarketplaceMeteringClient {
  return new MarketplaceMeteringClient({ endpoint, region: 'us-east-1', maxAttempts: 1, credentials, ...options });
}

export function entitlementClient(endpoint: string, options: ClientOptions = {}): MarketplaceEntitlementServiceClient {
  return new MarketplaceEntitlementServiceClient({
    endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials,
    ...options,
  });
}

export function agreementClient(endpoint: string, options: ClientOptions = {}): MarketplaceAgreementClient {
  return new MarketplaceAgreementClient({ endpoint, region: 'us-east-1', maxAttempts: 1, credentials, ...options });
}

export function trailClient(endpoint: string, options: ClientOptions = {}): CloudTrailClient {
  return new CloudTrailClient({ endpoint, region: 'us-east-1', maxAttempts: 1, credentials, ...options });
}

/** The error's name, or `no error`: what a table of refusals compares. */
export async function errorNameOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return (error as Error).name;
  }
}
