import { type Options } from 'nestjs-marketplace-metering';
import { clockOf, type Timeline } from './demo-clock.js';
import { type LarkspurOptions, MEGAPIXELS, RENDERS } from './larkspur/larkspur.options.js';

/**
 * What differs between one run of the demo and another. Plain data: another process can be told, and is then a replica
 * of the same application.
 */
export interface LarkspurSettings {
  databaseUrl: string;
  publicUrl: string;
  /** Where the simulated AWS listens. */
  awsEndpoint: string;
  productCode: string;
  /** Of this run alone, so that a database that has seen a demo before can see another. */
  sellerAccount: string;
  adminToken: string;
  /** Shown by AWS's events at the application's door. */
  eventSecret: string;
  timeline: Timeline;
  /** Dimensions that Larkspur meters although the listing has none of the name: a seller's mistake. */
  unlistedDimensions: readonly string[];
  /** Machine time, in ms; business time is the timeline's. */
  submission: NonNullable<Options['submission']>;
  jobs: NonNullable<Options['jobs']>;
}

/** Hours of the demo take seconds, so its jobs look often and its retries come soon. */
export const DEMO_SUBMISSION: LarkspurSettings['submission'] = {
  requestTimeoutMs: 2000,
  leaseMs: 5000,
  backoffBaseMs: 300,
  backoffCapMs: 3000,
  probeIntervalMs: 5000,
};
export const DEMO_JOBS: LarkspurSettings['jobs'] = {
  sealIntervalMs: 500,
  submitIntervalMs: 250,
  deadlineIntervalMs: 500,
  recoveryIntervalMs: 500,
  inboxIntervalMs: 500,
  deliverIntervalMs: 500,
  reconcileIntervalMs: 500,
};

export function larkspurOptionsOf(settings: LarkspurSettings): LarkspurOptions {
  const { databaseUrl, publicUrl, awsEndpoint, productCode, sellerAccount, adminToken, eventSecret } = settings;
  const { unlistedDimensions, submission, jobs } = settings;
  return {
    databaseUrl,
    publicUrl,
    productCode,
    listingUrl: '/aws',
    links: [
      { href: '/', label: 'Home' },
      { href: '/dashboard', label: 'Dashboard' },
      { href: '/aws', label: 'AWS Marketplace' },
      { href: '/control-panel', label: 'Control panel' },
    ],
    marketplace: {
      sellerAccount,
      adminToken,
      products: [{ productCode, dimensions: [RENDERS, MEGAPIXELS, ...unlistedDimensions] }],
      clock: clockOf(settings.timeline),
      // A code lives by business time, in which a buyer's coffee takes a day.
      codeTtlMs: 24 * 3_600_000,
      support: { email: 'help@larkspur.example' },
      notifications: { eventBridgeSecrets: [eventSecret] },
      migrations: 'run',
      aws: {
        endpoint: awsEndpoint,
        credentials: () => Promise.resolve({ accessKeyId: 'demo', secretAccessKey: 'demo' }),
      },
      submission,
      jobs,
    },
  };
}
