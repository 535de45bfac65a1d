import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identityOf } from '../wire/caller-identity.js';
import { type ComputeResource, type CredentialSource, type ResourceCredentials } from '../wire/compute-resource.js';
import { type EnvironmentOptions, type EnvironmentVariables } from './environment-options.js';
import { InstanceMetadata } from './instance-metadata.js';
import { sessionOf } from './session-credentials.js';
import { TaskMetadata } from './task-metadata.js';
import { assumedRoleXml, stsErrorXml, webIdentityToken } from './web-identity.js';

/** Gives out credentials of a resource. */
export type IssueCredentials = (source: CredentialSource, sessionName?: string) => ResourceCredentials;

const sessionNamePattern = /^[\w+=,.@-]{2,64}$/;

/**
 * What one resource finds around it: endpoints that give out credentials and say where it runs, and files. A server of
 * its own, since a client asks the metadata of its instance at fixed paths.
 */
export class ResourceEnvironment {
  readonly #server: Server;
  readonly #files: string;
  readonly #task: TaskMetadata;
  readonly #instance: InstanceMetadata;
  readonly #token: string;
  readonly #podIdentityToken = randomUUID();
  readonly #credentialsPath = `/v2/credentials/${randomUUID()}`;
  readonly #sources: readonly CredentialSource[];
  readonly #issued = new Map<CredentialSource, ResourceCredentials>();
  #url = '';

  constructor(
    private readonly resource: ComputeResource,
    private readonly options: EnvironmentOptions,
    private readonly issue: IssueCredentials,
  ) {
    this.#sources = [resource.credentialSource, ...(options.besides ?? [])];
    this.#files = mkdtempSync(path.join(tmpdir(), 'marketplace-simulator-'));
    this.#task = new TaskMetadata(resource, options.availabilityZone ?? true);
    this.#token = webIdentityToken(resource, this.#podName);
    const { onInstance } = this;
    const source = onInstance ? resource.credentialSource : 'node';
    this.#instance = new InstanceMetadata({
      resource,
      mode: this.#instanceMetadata,
      identity: identityOf({ ...callerOf(resource), resource: { ...resource, credentialSource: source } }),
      credentials: () => sessionOf(this.#credentials(source)),
    });
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => request.socket.destroy());
    });
  }

  /** Resolves with the variables that the software finds, once everything that they name is there. */
  async open(host: string): Promise<EnvironmentVariables> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, host, resolve);
    });
    const { address, family, port } = this.#server.address() as AddressInfo;
    this.#url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    return {
      ...this.#region(),
      ...this.#instanceVariables(),
      ...this.#platformVariables(),
      ...Object.assign({}, ...this.#sources.map((source) => this.#credentialVariables(source))),
    } as EnvironmentVariables;
  }

  async close(): Promise<void> {
    rmSync(this.#files, { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  /** Whether it runs on the instance itself, or in a container on one. */
  get onInstance(): boolean {
    return this.resource.platform === 'ec2' || this.resource.platform === 'agentcore';
  }

  get #onEcs(): boolean {
    return this.resource.platform === 'ecs' || this.resource.platform === 'fargate';
  }

  get #podName(): string {
    return `app-${this.resource.resourceId.slice(0, 8)}`;
  }

  get #instanceMetadata(): NonNullable<EnvironmentOptions['instanceMetadata']> {
    const { instanceMetadata } = this.options;
    if (instanceMetadata) return instanceMetadata;
    if (this.resource.platform === 'fargate') return 'unreachable';
    return this.onInstance || this.#sources.includes('node') ? 'on' : 'hopLimit1';
  }

  #region(): EnvironmentVariables {
    const region = this.options.regionVariable ?? (this.onInstance ? 'absent' : this.resource.region);
    return region === 'absent' ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region };
  }

  #instanceVariables(): EnvironmentVariables {
    // Port 9 is that of the discard service, which nobody runs any more.
    const url = this.#instanceMetadata === 'unreachable' ? 'http://127.0.0.1:9' : this.#url;
    return { AWS_EC2_METADATA_SERVICE_ENDPOINT: url };
  }

  #platformVariables(): EnvironmentVariables {
    if (this.#onEcs) {
      return {
        AWS_EXECUTION_ENV: this.resource.platform === 'fargate' ? 'AWS_ECS_FARGATE' : 'AWS_ECS_EC2',
        ECS_CONTAINER_METADATA_URI_V4: `${this.#url}${this.#task.path}`,
      };
    }
    if (this.resource.platform !== 'eks') return {};
    return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '9', HOSTNAME: this.#podName };
  }

  #credentialVariables(source: CredentialSource): EnvironmentVariables {
    if (source === 'longTerm') {
      const { accessKeyId, secretAccessKey } = this.#credentials(source);
      return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    }
    if (source === 'podIdentity') {
      return {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${this.#url}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: this.#file('eks-pod-identity-token', this.#podIdentityToken),
        AWS_STS_REGIONAL_ENDPOINTS: 'regional',
      };
    }
    if (source === 'node' || this.onInstance) return {};
    // On AWS the relative form, for an address that a client has built in.
    if (this.#onEcs) return { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${this.#url}${this.#credentialsPath}` };
    return {
      AWS_ROLE_ARN: this.#roleArn(source),
      AWS_WEB_IDENTITY_TOKEN_FILE: this.#tokenFile(),
      AWS_STS_REGIONAL_ENDPOINTS: 'regional',
      AWS_ENDPOINT_URL_STS: this.#url,
    };
  }

  #tokenFile(): string {
    const { tokenFile = 'present' } = this.options;
    if (tokenFile === 'missing') return path.join(this.#files, 'token');
    const file = this.#file('token', this.#token);
    if (tokenFile === 'unreadable') chmodSync(file, 0);
    return file;
  }

  #file(name: string, text: string): string {
    const file = path.join(this.#files, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  #roleArn(source: CredentialSource): string {
    const resource = { ...this.resource, credentialSource: source };
    return identityOf({ ...callerOf(resource), resource }).roleArn ?? '';
  }

  /** Those of the launch for the resource's own source; of every other one set. */
  #credentials(source: CredentialSource): ResourceCredentials {
    if (source === this.resource.credentialSource) return this.resource.credentials;
    const credentials = this.#issued.get(source) ?? this.issue(source);
    this.#issued.set(source, credentials);
    return credentials;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request;
    if (method === 'POST' && url === '/') {
      await this.#assumeRole(request, response);
      return;
    }
    const document = method === 'GET' ? this.#documentAt(url, headers.authorization) : undefined;
    if (document) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    else if (!this.#instance.answer(request, response)) response.writeHead(404).end();
  }

  #documentAt(url: string, authorization: string | undefined): object | undefined {
    if (this.#onEcs && this.#task.documentAt(url)) return this.#task.documentAt(url);
    const session = (source: CredentialSource): object => ({
      RoleArn: this.#roleArn(source),
      ...sessionOf(this.#credentials(source)),
    });
    if (this.#onEcs && this.#sources.includes('workload') && url === this.#credentialsPath) return session('workload');
    const known = this.#sources.includes('podIdentity') && authorization === this.#podIdentityToken;
    return known && url === '/v1/credentials' ? session('podIdentity') : undefined;
  }

  /** STS, AssumeRoleWithWebIdentity. */
  async #assumeRole(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const send = (status: number, body: string): void => {
      response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
    };
    const sessionName = form.get('RoleSessionName') ?? '';
    if (form.get('Action') !== 'AssumeRoleWithWebIdentity' || !sessionNamePattern.test(sessionName)) {
      send(400, stsErrorXml('ValidationError', 'The request is not one that this endpoint answers.'));
    } else if (!this.#sources.includes('workload') || form.get('WebIdentityToken') !== this.#token) {
      send(400, stsErrorXml('InvalidIdentityToken', 'The token is not that of the pod’s service account.'));
    } else if (this.options.assumeRole === 'denied' || form.get('RoleArn') !== this.#roleArn('workload')) {
      send(403, stsErrorXml('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity'));
    } else {
      const credentials = this.issue('workload', sessionName);
      const roleArn = this.#roleArn('workload');
      send(200, assumedRoleXml({ roleArn, roleId: 'AROASIMULATOR', sessionName, credentials }));
    }
  }
}

function callerOf({ accountId, credentials }: ComputeResource): { accountId: string; accessKeyId: string } {
  return { accountId, accessKeyId: credentials.accessKeyId };
}
