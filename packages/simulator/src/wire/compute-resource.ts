import { type Agreement } from '../market/agreement.js';
import { type Operation } from './api-operation.js';

/** Where software runs in a buyer's account [SDK-M, MeterUsage and RegisterUsage]. */
export type ComputePlatform = 'ec2' | 'ecs' | 'eks' | 'fargate' | 'agentcore';

/**
 * Whose role signs. `workload`: instance role, task role, IRSA or execution role, the only one that AWS takes; `node`:
 * the role of the node below a container; `podIdentity`: EKS Pod Identity; `longTerm`: an IAM user's access key.
 */
export type CredentialSource = 'workload' | 'node' | 'podIdentity' | 'longTerm';

/** In the form that the AWS SDKs take as `credentials`. */
export interface ResourceCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent for long-term keys. */
  readonly sessionToken?: string;
}

/** An EC2 instance, ECS task, EKS pod or AgentCore runtime with a seller's software in it. */
export interface ComputeResource {
  /** Instance id, ARN of the task or runtime, UID of the pod. */
  readonly resourceId: string;
  readonly platform: ComputePlatform;
  readonly region: string;
  /** The buyer's account; the seller's for a preview, which is never billed. */
  readonly accountId: string;
  readonly credentialSource: CredentialSource;
  readonly credentials: ResourceCredentials;
  /** What the policy of its role does not allow. */
  readonly deniedOperations: readonly Operation[];
  readonly launchedAt: Date;
  readonly terminatedAt?: Date;
}

export interface LaunchOptions {
  /** The buyer, by one of their agreements. Either this or `accountId`. */
  agreement?: Agreement | string;
  /** The account it runs in. The seller's own makes a preview: no subscription is needed, and nothing is billed. */
  accountId?: string;
  platform: ComputePlatform;
  /** Default `us-east-1`. */
  region?: string;
  /** What signs its calls. Only the default, `workload`, is taken by AWS. */
  credentials?: CredentialSource;
  /** What the policy of its role does not allow: AccessDeniedException, which names the action. Default: nothing. */
  deniedOperations?: readonly Operation[];
}
