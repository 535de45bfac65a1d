import { type StartRefusalCode } from '../errors/start-refused-error.js';
import { type Platform } from './metering-regions.js';
import { type WorkloadCredentials } from '../aws/workload-credentials.js';
import { type WorkloadEnvironment } from './workload-environment.js';
import { type TokenFile } from './token-file.js';

/** Which credentials sign, in words; or why the software must not start, in one line with the fix. */
export type CredentialChoice =
  | { kind: 'found'; source: WorkloadCredentials | null; says: string; notUsed: string[] }
  | { kind: 'refused'; code: StartRefusalCode; message: string };

const KEYS = 'keys in AWS_ACCESS_KEY_ID';

/** What AWS takes [API reference of MeterUsage and RegisterUsage], and how it is given, by platform. */
const TAKEN: Readonly<Record<Platform, string>> = {
  ec2: 'the instance role: attach an instance profile to the EC2 instance',
  ecs: 'the task role: set taskRoleArn in the task definition (executionRoleArn is another role)',
  eks:
    'IRSA alone: annotate the service account with eks.amazonaws.com/role-arn, let the role trust the cluster’s OIDC ' +
    'provider, and start the pod anew',
  agentcore: 'the execution role of the AgentCore runtime',
};

/**
 * Chooses among what a process was given what AWS Marketplace takes. Nothing is asked: a role that AWS takes is used
 * though others lie beside it, and one that it does not take is named, before a call could be refused for it in words
 * that speak of a subscription.
 * @param token what became of reading the token file; null where none is named
 */
export function chooseCredentials(environment: WorkloadEnvironment, token: TokenFile | null): CredentialChoice {
  const { platform, webIdentity, hasContainerEndpoint, hasPodIdentity, keys } = environment;
  const others = [...(hasPodIdentity ? ['EKS Pod Identity'] : []), ...(keys === null ? [] : [KEYS])];
  const found = (source: WorkloadCredentials | null, says: string): CredentialChoice => ({
    ...{ kind: 'found', source, says, notUsed: others },
  });
  if (platform === 'agentcore') return found(null, 'the execution role');
  if (platform === 'ecs')
    return hasContainerEndpoint
      ? found({ kind: 'containerEndpoint' }, 'the task role')
      : unsupported(platform, [...others, 'the role of the container instance']);
  if (platform === 'eks') {
    if (webIdentity === null || token === null)
      return unsupported(platform, others.length > 0 ? others : ['the role of the node']);
    if (token.kind !== 'read') return unreadable(webIdentity.tokenFile, token);
    const sessionName = token.podUid ?? undefined;
    return found({ kind: 'webIdentity', ...webIdentity, sessionName }, `IRSA (${roleOf(webIdentity.roleArn)})`);
  }
  if (keys !== null) return unsupported(platform, others);
  if (environment.isInstanceMetadataOff)
    return {
      kind: 'refused',
      code: 'CREDENTIALS_MISSING',
      message:
        'No credentials: AWS_EC2_METADATA_DISABLED keeps the instance role from being read. AWS Marketplace takes ' +
        `${TAKEN.ec2}. Remove the variable.`,
    };
  return found({ kind: 'instanceMetadata' }, 'the instance role');
}

function unsupported(platform: Platform, found: readonly string[]): CredentialChoice {
  const keys = found.includes(KEYS) ? ' Remove AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.' : '';
  return {
    kind: 'refused',
    code: 'CREDENTIALS_UNSUPPORTED',
    message:
      `AWS Marketplace does not take the credentials that are here: ${found.join(' and ')}. ` +
      `${takenOn(platform)}${keys}`,
  };
}

function unreadable(file: string, { reason }: Extract<TokenFile, { kind: 'unreadable' }>): CredentialChoice {
  const fix = {
    missing:
      'It is mounted by EKS when the pod is created: create the annotation on the service account first, then the pod; ' +
      'automountServiceAccountToken and a volume of its own do not replace it.',
    forbidden:
      'The container’s user may not read it: set securityContext.fsGroup of the pod to a group of that user (65534 ' +
      'does for most).',
    malformed: 'It does not hold a token of a service account: remove what writes over it.',
  }[reason];
  return {
    kind: 'refused',
    code: 'CREDENTIALS_UNREADABLE',
    message: `IRSA is set up, but its token file ${file} ${REASONS[reason]}. ${fix}`,
  };
}

const REASONS = { missing: 'is not there', forbidden: 'cannot be read', malformed: 'holds no token' };
const NAMES: Readonly<Record<Platform, string>> = {
  ...{ ec2: 'Amazon EC2', ecs: 'Amazon ECS', eks: 'Amazon EKS', agentcore: 'Bedrock AgentCore' },
};

/** Name of a role, without the account. */
export function roleOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** What AWS takes on a platform, for a sentence. */
export function takenOn(platform: Platform): string {
  return `On ${NAMES[platform]} AWS Marketplace takes ${TAKEN[platform]}.`;
}
