import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type CallerIdentity, nodeId } from '../wire/caller-identity.js';
import { type ComputeResource } from '../wire/compute-resource.js';
import { type EnvironmentOptions } from './environment-options.js';
import { inSeconds, type SessionCredentials } from './session-credentials.js';

/** What one instance knows of itself. */
export interface InstanceMetadataParts {
  readonly resource: ComputeResource;
  readonly mode: NonNullable<EnvironmentOptions['instanceMetadata']>;
  readonly identity: CallerIdentity;
  readonly credentials: () => SessionCredentials;
}

const token = 'AQAEAHsimulatedInstanceMetadataToken==';

/** The instance metadata service, version 2: a session token by PUT, and with it everything else. */
export class InstanceMetadata {
  constructor(private readonly parts: InstanceMetadataParts) {}

  /** Whether the request was for it. One that is never answered stays open until the server closes. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url: path = '' } = request;
    if (!path.startsWith('/latest/')) return false;
    const { mode } = this.parts;
    if (mode === 'off') return send(response, 403, 'Forbidden');
    if (path === '/latest/api/token') {
      if (method !== 'PUT') return send(response, 405, 'Method Not Allowed');
      // The answer's hops are used up on the way into the container.
      if (mode === 'hopLimit1') return true;
      const seconds = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds']);
      return Number.isInteger(seconds) && seconds >= 1 && seconds <= 21_600
        ? send(response, 200, token, { 'x-aws-ec2-metadata-token-ttl-seconds': String(seconds) })
        : send(response, 400, 'Bad Request');
    }
    if (request.headers['x-aws-ec2-metadata-token'] !== token) return send(response, 401, 'Unauthorized');
    const body = this.#bodyOf(path.slice('/latest/'.length).replace(/\/$/, ''));
    return body === undefined ? send(response, 404, 'Not Found') : send(response, 200, body);
  }

  #bodyOf(path: string): string | undefined {
    const { resource, identity, credentials } = this.parts;
    const roleName = identity.roleArn?.split('/').at(-1);
    const instanceId = resource.platform === 'ec2' ? resource.resourceId : nodeId;
    switch (path) {
      case 'meta-data/instance-id':
        return instanceId;
      case 'meta-data/placement/region':
        return resource.region;
      case 'meta-data/placement/availability-zone':
        return `${resource.region}a`;
      case 'meta-data/iam/security-credentials':
        return roleName;
      case 'dynamic/instance-identity/document':
        return JSON.stringify(identityDocument(resource, instanceId), undefined, 2);
    }
    if (path !== `meta-data/iam/security-credentials/${roleName ?? ''}`) return undefined;
    return JSON.stringify(
      { Code: 'Success', LastUpdated: inSeconds(new Date()), Type: 'AWS-HMAC', ...credentials() },
      undefined,
      2,
    );
  }
}

function identityDocument({ region, accountId, launchedAt }: ComputeResource, instanceId: string): object {
  return {
    accountId,
    architecture: 'x86_64',
    availabilityZone: `${region}a`,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: 'ami-0123456789abcdef0',
    instanceId,
    instanceType: 'm6i.large',
    kernelId: null,
    pendingTime: inSeconds(launchedAt),
    privateIp: '10.0.0.10',
    ramdiskId: null,
    region,
    version: '2017-09-30',
  };
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): true {
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body);
  return true;
}
