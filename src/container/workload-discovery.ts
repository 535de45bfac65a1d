import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { workloadProvider } from '../aws/workload-credentials.js';
import { StartRefusedError } from '../errors/start-refused-error.js';
import { type MeteringResource } from '../metering/submission/metering-resource.js';
import { type CredentialsProvider } from '../options/aws-options.js';
import { hasRecords, type ResolvedOptions } from '../options/resolved-options.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { chooseCredentials, type CredentialChoice } from './credential-rule.js';
import { instanceMetadata, MetadataError, taskMetadata, type WorkloadMetadata } from './metadata-client.js';
import { LaunchInstant } from './launch-instant.js';
import { METERING_REGIONS } from './metering-regions.js';
import { chooseRegion } from './region-rule.js';
import { readTokenFile, type TokenFile } from './token-file.js';
import { type Workload } from './workload.js';
import { type WorkloadEnvironment, workloadEnvironmentOf } from './workload-environment.js';

/** For all look-ups of a start together, in milliseconds of machine time. */
const LOOK_UPS_MS = 5000;

/**
 * Finds out what this process runs on: which role signs, in which region, and on which resource. What is found stays; what
 * could not be read is read again when it is asked for again.
 */
@Injectable()
export class WorkloadDiscovery {
  private readonly asking = new SingleFlight<unknown>();
  private workload: Workload | null = null;
  private metadata: WorkloadMetadata | null = null;
  /** The first instant of this process that we know of, for where a platform tells none. */
  private readonly launch: LaunchInstant;

  constructor(@Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions) {
    this.launch = new LaunchInstant(options.clock);
  }

  /**
   * @throws StartRefusedError `CREDENTIALS_MISSING`, `CREDENTIALS_UNSUPPORTED`, `CREDENTIALS_UNREADABLE`,
   * `REGION_UNKNOWN`; `RESOURCE_UNKNOWN` where usage is metered
   */
  async find(): Promise<Workload> {
    this.workload ??= (await this.asking.share('workload', () => this.look())) as Workload;
    return this.workload;
  }

  /**
   * The resource that meters, as AWS tells it from others.
   * @throws StartRefusedError as `find`, and `RESOURCE_UNKNOWN`
   */
  async resource(): Promise<MeteringResource> {
    const { resource } = this.options.container;
    if (resource) return resource;
    const { region, podUid } = await this.find();
    const environment = this.environment();
    const { platform } = environment;
    const { at: startedAt } = this.launch;
    if (platform === 'eks' && podUid !== null) return { id: podUid, region, startedAt };
    const metadata = await this.metadataOf(environment).catch((error: unknown) => {
      throw resourceUnknown(environment, error);
    });
    if (metadata) return { id: metadata.id, region, startedAt: metadata.startedAt ?? startedAt };
    // Nothing names it: each process is a resource of its own, so that none sends what another may have sent.
    const id = `${platform}:${hostname()}:${process.pid}:${startedAt.toISOString()}`;
    return { id, region, startedAt };
  }

  private async look(): Promise<Workload> {
    const environment = this.environment();
    const token = environment.webIdentity === null ? null : await readTokenFile(environment.webIdentity.tokenFile);
    const choice = this.choose(environment, token);
    if (choice.kind === 'refused') throw new StartRefusedError(choice.code, choice.message);
    const podUid = token?.kind === 'read' ? token.podUid : null;
    const { region, notes } = await this.regionOf(environment, token);
    return {
      ...{ platform: environment.platform, region, podUid, says: choice.says },
      credentials: await this.providerOf(choice, region),
      notes: [
        ...choice.notUsed.map((other) => `${other} is here too, and not used: AWS Marketplace does not take it`),
        ...notes,
      ],
    };
  }

  private choose(environment: WorkloadEnvironment, token: TokenFile | null): CredentialChoice {
    return this.options.aws.credentials === undefined
      ? chooseCredentials(environment, token)
      : { kind: 'found', source: null, says: 'what aws.credentials returns', notUsed: [] };
  }

  private async providerOf(
    { source }: Extract<CredentialChoice, { kind: 'found' }>,
    region: string,
  ): Promise<CredentialsProvider> {
    const given = this.options.aws.credentials;
    return given ?? workloadProvider(source ?? { kind: 'defaultChain' }, region);
  }

  private async regionOf(
    environment: WorkloadEnvironment,
    token: TokenFile | null,
  ): Promise<{ region: string; notes: string[] }> {
    const { resource } = this.options.container;
    if (resource) return { region: resource.region, notes: [] };
    const option = this.options.products.find(({ region }) => region !== 'auto')?.region ?? null;
    const ofToken = token?.kind === 'read' ? token.region : null;
    const meters = this.options.products.some(hasRecords);
    // Nothing is asked where the answer is known, unless the resource must be known as well.
    const needsMetadata = meters || (option === null && ofToken === null);
    const looked = needsMetadata ? await this.metadataOrReason(environment) : null;
    const metadata = looked instanceof StartRefusedError ? null : looked;
    const ofWorkload = metadata?.region ?? ofToken;
    const choice = chooseRegion({ option, workload: ofWorkload, variable: environment.region });
    const { region, source, disagreements } = choice;
    if (looked instanceof StartRefusedError && (meters || region === null)) throw looked;
    if (region === null)
      throw new StartRefusedError(
        'REGION_UNKNOWN',
        'The AWS region in which the software runs is not known: nothing here says it. Set AWS_REGION to it.',
      );
    const listed = METERING_REGIONS[environment.platform];
    return {
      region,
      notes: [
        ...disagreements.map((other) => `the region is ${region}, by ${SAID_BY[source ?? 'option']}, though ${other}`),
        ...(listed === null || listed.includes(region)
          ? []
          : [
              `${region} is not on AWS's list of regions for metering on ${environment.platform}: AWS's answer decides`,
            ]),
      ],
    };
  }

  private async metadataOrReason(
    environment: WorkloadEnvironment,
  ): Promise<WorkloadMetadata | StartRefusedError | null> {
    try {
      return await this.metadataOf(environment);
    } catch (error) {
      return resourceUnknown(environment, error);
    }
  }

  /** Null where the platform has no metadata of its own, or none that this process needs. */
  private async metadataOf(environment: WorkloadEnvironment): Promise<WorkloadMetadata | null> {
    this.metadata ??= (await this.asking.share('metadata', () => this.ask(environment))) as WorkloadMetadata | null;
    return this.metadata;
  }

  private async ask(environment: WorkloadEnvironment): Promise<WorkloadMetadata | null> {
    const { platform, taskMetadataUri, instanceMetadataUrl, isInstanceMetadataOff } = environment;
    const signal = AbortSignal.timeout(LOOK_UPS_MS);
    if (platform === 'ecs' && taskMetadataUri !== null) return taskMetadata(taskMetadataUri, signal);
    if (platform !== 'ec2') return null;
    if (isInstanceMetadataOff) throw new MetadataError('AWS_EC2_METADATA_DISABLED switches it off');
    return instanceMetadata(instanceMetadataUrl, signal);
  }

  private environment(): WorkloadEnvironment {
    const onAgentCore = this.options.products.some(({ agentCore }) => agentCore);
    return workloadEnvironmentOf(process.env, onAgentCore ? 'agentcore' : undefined);
  }
}

const SAID_BY = { option: 'products[].region', workload: 'what the workload is', variable: 'AWS_REGION' };

function resourceUnknown({ platform }: WorkloadEnvironment, error: unknown): StartRefusedError {
  const why = error instanceof Error ? error.message : String(error);
  const fix =
    platform === 'ecs'
      ? 'The endpoint of the task’s metadata (version 4) must answer: do not route 169.254.170.2 away.'
      : 'The instance metadata service (IMDSv2) must answer: switch it on, and let it answer containers with ' +
        'aws ec2 modify-instance-metadata-options --http-endpoint enabled --http-put-response-hop-limit 2.';
  return new StartRefusedError(
    'RESOURCE_UNKNOWN',
    `On what the software runs, and in which region, cannot be read: ${why}. ${fix}`,
    { cause: error },
  );
}
