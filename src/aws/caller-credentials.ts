import { type CredentialsProvider } from '../options/aws-options.js';

/**
 * Whose credentials sign: null leaves it to `aws.credentials`, else to the SDK's default chain. Software in a buyer's
 * account finds the role of its workload itself, since AWS takes no other.
 */
export type CallerCredentials = CredentialsProvider | null;

/** Injection token of the `CallerCredentials`. */
export const CALLER_CREDENTIALS = Symbol('marketplace-metering:caller-credentials');
