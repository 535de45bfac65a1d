import { type Caller } from '../wire/api-handler.js';
import { type ComputePlatform, type ComputeResource, type LaunchOptions } from '../wire/compute-resource.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';

export interface FleetSnapshot {
  readonly resources: readonly (Omit<ComputeResource, 'launchedAt' | 'terminatedAt'> & {
    readonly launchedAt: string;
    readonly terminatedAt?: string;
  })[];
}

const hex = '0123456789abcdef';

/**
 * Software that runs in buyers' accounts. A call is known by its access key; any key that is not of this fleet is the
 * seller's.
 */
export class ComputeFleet {
  readonly #resources = new Map<string, ComputeResource>();
  readonly #byAccessKey = new Map<string, string>();

  constructor(
    private readonly sellerAccountId: string,
    private readonly random: SeededRandom,
  ) {}

  launch(accountId: string, options: LaunchOptions, now: Date): ComputeResource {
    const { platform, region = 'us-east-1', credentials: credentialSource = 'workload' } = options;
    const longTerm = credentialSource === 'longTerm';
    const key = this.random.text(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');
    return this.#keep({
      resourceId: this.#resourceId(accountId, platform, region),
      platform,
      region,
      accountId,
      credentialSource,
      credentials: {
        accessKeyId: `${longTerm ? 'AKIA' : 'ASIA'}${key}`,
        secretAccessKey: this.random.text(40, hex),
        ...(!longTerm && { sessionToken: this.random.text(120, hex) }),
      },
      deniedOperations: options.deniedOperations ?? [],
      launchedAt: now,
    });
  }

  /** The software ends; its credentials expire with it. */
  terminate(resourceId: string, now: Date): ComputeResource {
    const resource = this.resource(resourceId);
    return resource.terminatedAt ? resource : this.#keep({ ...resource, terminatedAt: now });
  }

  resource(resourceId: string): ComputeResource {
    const resource = this.#resources.get(resourceId);
    if (!resource) throw new Error(`No resource ${resourceId}`);
    return resource;
  }

  resources(): ComputeResource[] {
    return [...this.#resources.values()];
  }

  /** Whose credentials these are. */
  identify(accessKeyId: string, sessionToken: string): Caller {
    const resourceId = this.#byAccessKey.get(accessKeyId);
    if (resourceId === undefined) return { accountId: this.sellerAccountId, accessKeyId };
    const resource = this.resource(resourceId);
    if (sessionToken !== (resource.credentials.sessionToken ?? '')) {
      throw new ServiceError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    }
    if (resource.terminatedAt)
      throw new ServiceError('ExpiredTokenException', 'The security token included in the request is expired');
    return { accountId: resource.accountId, accessKeyId, resource };
  }

  snapshot(): FleetSnapshot {
    return {
      resources: this.resources().map(({ launchedAt, terminatedAt, ...resource }) => ({
        ...resource,
        launchedAt: launchedAt.toISOString(),
        ...(terminatedAt && { terminatedAt: terminatedAt.toISOString() }),
      })),
    };
  }

  restore({ resources }: FleetSnapshot): void {
    this.#resources.clear();
    this.#byAccessKey.clear();
    for (const { launchedAt, terminatedAt, ...resource } of resources) {
      const ended = terminatedAt !== undefined && { terminatedAt: new Date(terminatedAt) };
      this.#keep({ ...resource, launchedAt: new Date(launchedAt), ...ended });
    }
  }

  #keep(resource: ComputeResource): ComputeResource {
    this.#resources.set(resource.resourceId, resource);
    this.#byAccessKey.set(resource.credentials.accessKeyId, resource.resourceId);
    return resource;
  }

  #resourceId(accountId: string, platform: ComputePlatform, region: string): string {
    switch (platform) {
      case 'ec2':
        return `i-${this.random.text(17, hex)}`;
      case 'ecs':
      case 'fargate':
        return `arn:aws:ecs:${region}:${accountId}:task/default/${this.random.text(32, hex)}`;
      case 'eks':
        return `pod-${this.random.uuid()}`;
      case 'agentcore':
        return `arn:aws:bedrock-agentcore:${region}:${accountId}:runtime/agent-${this.random.text(10, hex)}`;
    }
  }
}
