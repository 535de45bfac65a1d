import { type Caller } from './api-handler.js';
import { type ComputePlatform, type ComputeResource } from './compute-resource.js';

/** Who a call is, as IAM and CloudTrail name it. */
export interface CallerIdentity {
  readonly type: 'IAMUser' | 'AssumedRole';
  readonly arn: string;
  /** Of the user, or of the session: for software the resource it runs on, where AWS makes the session. */
  readonly userName: string;
  /** Of an assumed role. */
  readonly roleArn?: string;
}

const roleNames: Readonly<Record<ComputePlatform, string>> = {
  ec2: 'InstanceRole',
  ecs: 'TaskRole',
  eks: 'PodRole',
  fargate: 'TaskRole',
  agentcore: 'ExecutionRole',
};

/** The instance below a container. */
export const nodeId = 'i-0123456789abcdef0';

/** The seller and long-term keys are users; all else is a session of a role. */
export function identityOf({ accountId, resource, sessionName }: Caller): CallerIdentity {
  if (!resource || resource.credentialSource === 'longTerm') {
    return { type: 'IAMUser', arn: `arn:aws:iam::${accountId}:user/simulator`, userName: 'simulator' };
  }
  const roleName = resource.credentialSource === 'node' ? 'NodeRole' : roleNames[resource.platform];
  const userName = sessionName ?? sessionNameOf(resource);
  return {
    type: 'AssumedRole',
    arn: `arn:aws:sts::${accountId}:assumed-role/${roleName}/${userName}`,
    userName,
    roleArn: `arn:aws:iam::${accountId}:role/${roleName}`,
  };
}

/** Instance id, task id; on EKS what made the session chose it. */
function sessionNameOf({ platform, resourceId, credentialSource }: ComputeResource): string {
  if (credentialSource === 'node') return nodeId;
  switch (platform) {
    case 'ec2':
      return resourceId;
    case 'ecs':
    case 'fargate':
      return resourceId.slice(resourceId.lastIndexOf('/') + 1);
    case 'eks':
      return credentialSource === 'podIdentity' ? `eks-cluster-${resourceId}` : 'aws-sdk-js-session';
    case 'agentcore':
      return 'BedrockAgentCore';
  }
}
