import { type Caller } from '../wire/api-handler.js';
import {
  type ComputePlatform,
  type ComputeResource,
  type CredentialSource,
  type LaunchOptions,
  type ResourceCredentials,
} from '../wire/compute-resource.js';
import { packDates, type PackedDates, unpackDates } from '../packed-dates.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';

/** Credentials that were given out, and to what. */
interface Grant {
  readonly resourceId: string;
  readonly source: CredentialSource;
  readonly credentials: ResourceCredentials;
  readonly sessionName?: string;
}

export interface FleetSnapshot {
  readonly resources: PackedDates<readonly ComputeResource[]>;
  readonly grants: readonly Grant[];
}

const hex = '0123456789abcdef';

/**
 * Software that runs in buyers' accounts. A call is known by its access key; any key that is not of this fleet is the
 * seller's.
 */
export class ComputeFleet {
  readonly #resources = new Map<string, ComputeResource>();
  readonly #grants = new Map<string, Grant>();

  constructor(
    private readonly sellerAccountId: string,
    private readonly random: SeededRandom,
  ) {}

  launch(accountId: string, options: LaunchOptions, now: Date): ComputeResource {
    const { platform, region = 'us-east-1', credentials: credentialSource = 'workload' } = options;
    const credentials = this.#newCredentials(credentialSource);
    const resource = {
      resourceId: this.#resourceId(accountId, platform, region),
      platform,
      region,
      accountId,
      credentialSource,
      credentials,
      deniedOperations: options.deniedOperations ?? [],
      launchedAt: now,
    };
    this.#resources.set(resource.resourceId, resource);
    this.#grant({ resourceId: resource.resourceId, source: credentialSource, credentials });
    return resource;
  }

  /** More credentials of software that runs: of another source, or of another session of its role. */
  issue(resourceId: string, source: CredentialSource, sessionName?: string): ResourceCredentials {
    const credentials = this.#newCredentials(source);
    this.#grant({
      resourceId: this.resource(resourceId).resourceId,
      source,
      credentials,
      ...(sessionName !== undefined && { sessionName }),
    });
    return credentials;
  }

  /** The software ends; its credentials expire with it. */
  terminate(resourceId: string, now: Date): ComputeResource {
    const resource = this.resource(resourceId);
    if (resource.terminatedAt) return resource;
    const ended = { ...resource, terminatedAt: now };
    this.#resources.set(resourceId, ended);
    return ended;
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
    const grant = this.#grants.get(accessKeyId);
    if (!grant) return { accountId: this.sellerAccountId, accessKeyId };
    const { credentials, source, sessionName } = grant;
    const resource = { ...this.resource(grant.resourceId), credentialSource: source };
    if (sessionToken !== (credentials.sessionToken ?? '')) {
      throw new ServiceError('UnrecognizedClientException', 'The security token included in the request is invalid.');
    }
    if (resource.terminatedAt)
      throw new ServiceError('ExpiredTokenException', 'The security token included in the request is expired');
    return { accountId: resource.accountId, accessKeyId, resource, ...(sessionName !== undefined && { sessionName }) };
  }

  snapshot(): FleetSnapshot {
    return { resources: packDates(this.resources()), grants: [...this.#grants.values()] };
  }

  restore({ resources, grants }: FleetSnapshot): void {
    this.#resources.clear();
    this.#grants.clear();
    for (const resource of unpackDates<ComputeResource[]>(resources))
      this.#resources.set(resource.resourceId, resource);
    for (const grant of grants) this.#grant(grant);
  }

  #grant(grant: Grant): void {
    this.#grants.set(grant.credentials.accessKeyId, grant);
  }

  #newCredentials(source: CredentialSource): ResourceCredentials {
    const longTerm = source === 'longTerm';
    const key = this.random.text(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');
    return {
      accessKeyId: `${longTerm ? 'AKIA' : 'ASIA'}${key}`,
      secretAccessKey: this.random.text(40, hex),
      ...(!longTerm && { sessionToken: this.random.text(120, hex) }),
    };
  }

  #resourceId(accountId: string, platform: ComputePlatform, region: string): string {
    switch (platform) {
      case 'ec2':
        return `i-${this.random.text(17, hex)}`;
      case 'ecs':
      case 'fargate':
        return `arn:aws:ecs:${region}:${accountId}:task/default/${this.random.text(32, hex)}`;
      case 'eks':
        return this.random.uuid();
      case 'agentcore':
        return `arn:aws:bedrock-agentcore:${region}:${accountId}:runtime/agent-${this.random.text(10, hex)}`;
    }
  }
}
