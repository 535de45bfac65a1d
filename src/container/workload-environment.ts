import { type Platform } from './metering-regions.js';

/** What the platform leaves in a process: its variables. The buyer's, so none of it decides what is billed. */
export interface WorkloadEnvironment {
  platform: Platform;
  /** Of the task, on ECS: its metadata endpoint, version 4. */
  taskMetadataUri: string | null;
  /** IRSA: the service account's token, and the role that it is exchanged for. */
  webIdentity: { tokenFile: string; roleArn: string } | null;
  /** The container agent hands out a task role. */
  hasContainerEndpoint: boolean;
  /** EKS Pod Identity: an endpoint and a token of its own. */
  hasPodIdentity: boolean;
  /** Keys in AWS_ACCESS_KEY_ID: an IAM user's, or temporary ones from elsewhere. */
  keys: 'longTerm' | 'temporary' | null;
  /** Of AWS_REGION, else AWS_DEFAULT_REGION. */
  region: string | null;
  /** The instance metadata service is switched off for SDKs. */
  isInstanceMetadataOff: boolean;
  instanceMetadataUrl: string;
}

const INSTANCE_METADATA = { IPv4: 'http://169.254.169.254', IPv6: 'http://[fd00:ec2::254]' };
/** Of an access key id that does not expire. */
const LONG_TERM = 'AKIA';

/** Reads the variables of a process. An empty one is none. */
export function workloadEnvironmentOf(
  variables: NodeJS.ProcessEnv,
  platform: Platform | undefined,
): WorkloadEnvironment {
  const read = (name: string): string | null => {
    const text = variables[name]?.trim();
    return text === undefined || text === '' ? null : text;
  };
  const tokenFile = read('AWS_WEB_IDENTITY_TOKEN_FILE');
  const roleArn = read('AWS_ROLE_ARN');
  const keyId = read('AWS_ACCESS_KEY_ID');
  const fullUri = read('AWS_CONTAINER_CREDENTIALS_FULL_URI');
  const hasPodIdentity = fullUri !== null && read('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE') !== null;
  const taskMetadataUri = read('ECS_CONTAINER_METADATA_URI_V4');
  return {
    platform: platform ?? platformOf(taskMetadataUri !== null, read('KUBERNETES_SERVICE_HOST') !== null, tokenFile),
    taskMetadataUri,
    webIdentity: tokenFile !== null && roleArn !== null ? { tokenFile, roleArn } : null,
    hasContainerEndpoint:
      read('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI') !== null || (fullUri !== null && !hasPodIdentity),
    hasPodIdentity,
    keys: keyId === null ? null : keyId.startsWith(LONG_TERM) ? 'longTerm' : 'temporary',
    region: read('AWS_REGION') ?? read('AWS_DEFAULT_REGION'),
    isInstanceMetadataOff: read('AWS_EC2_METADATA_DISABLED')?.toLowerCase() === 'true',
    instanceMetadataUrl: (
      read('AWS_EC2_METADATA_SERVICE_ENDPOINT') ??
      (read('AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE')?.toLowerCase() === 'ipv6'
        ? INSTANCE_METADATA.IPv6
        : INSTANCE_METADATA.IPv4)
    ).replace(/\/+$/, ''),
  };
}

/** Nothing that only EC2 leaves in a process is there to be seen: it is what remains. */
function platformOf(isTask: boolean, isPod: boolean, tokenFile: string | null): Platform {
  if (isTask) return 'ecs';
  return isPod || tokenFile !== null ? 'eks' : 'ec2';
}
