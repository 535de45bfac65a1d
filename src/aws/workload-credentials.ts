import { type CredentialsProvider } from '../options/aws-options.js';

/**
 * Where the role of a workload comes from, by the way in which its platform hands it out: a token file to be exchanged at
 * STS (IRSA), the endpoint of the container agent (task role), or the instance metadata service (instance role).
 */
export type WorkloadCredentials =
  | { kind: 'webIdentity'; tokenFile: string; roleArn: string; sessionName: string | undefined }
  | { kind: 'containerEndpoint' }
  | { kind: 'instanceMetadata' }
  /** For a platform whose way is not told; whatever the SDK finds. */
  | { kind: 'defaultChain' };

const TIMEOUT_MS = 1000;
/** Of a call to STS. */
const LIMITS = { connectionTimeout: 5000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/**
 * The SDK's provider for exactly that source. The default chain is not asked: it takes whatever it meets first, keys in
 * the environment before a role, and a node's role where a task has none.
 * @param region for STS
 */
export async function workloadProvider(source: WorkloadCredentials, region: string): Promise<CredentialsProvider> {
  switch (source.kind) {
    case 'webIdentity': {
      const { fromTokenFile } = await import('@aws-sdk/credential-provider-web-identity');
      const { tokenFile, roleArn, sessionName } = source;
      return asProvider(
        fromTokenFile({
          webIdentityTokenFile: tokenFile,
          roleArn,
          ...(sessionName === undefined ? {} : { roleSessionName: sessionName }),
          clientConfig: { region, requestHandler: { ...LIMITS } },
        }),
      );
    }
    case 'containerEndpoint': {
      const { fromHttp } = await import('@aws-sdk/credential-provider-http');
      return asProvider(fromHttp({ timeout: TIMEOUT_MS, maxRetries: 1 }));
    }
    case 'instanceMetadata': {
      const { fromInstanceMetadata } = await import('@smithy/credential-provider-imds');
      return asProvider(fromInstanceMetadata({ timeout: TIMEOUT_MS, maxRetries: 1 }));
    }
    case 'defaultChain': {
      const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
      return asProvider(defaultProvider());
    }
  }
}

/** The SDK's providers return more than the option's type says, and take arguments that nobody has to give. */
function asProvider(provider: () => Promise<unknown>): CredentialsProvider {
  return provider as CredentialsProvider;
}
