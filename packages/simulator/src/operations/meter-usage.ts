import { type Agreement } from '../market/agreement.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type ClientTokens } from './client-tokens.js';
import { type ComputeResource } from '../wire/compute-resource.js';
import { type InputReader } from '../wire/input-reader.js';
import { hourOf, outOfMeterUsageWindow } from './metering-window.js';
import { type Listing } from '../market/listing.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';
import { type SoftwareAdmission } from './software-admission.js';
import { type Switches } from '../switches.js';
import { type UsageBook } from './usage-book.js';
import {
  allocationsKey,
  checkAllocations,
  checkQuantity,
  productCodeRule,
  type UsageAllocation,
} from '../wire/usage-record.js';

export interface MeterUsageOutput {
  /** Absent for a DryRun that says yes without one. */
  MeteringRecordId?: string;
}

/** A request that satisfies the model. */
interface Metered {
  readonly productCode: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly dimension: string;
  readonly quantity: number;
  readonly allocations: UsageAllocation[] | undefined;
  readonly clientToken: string | undefined;
}

/**
 * MeterUsage [SDK-M]: AMI and container software meters itself, signed with its buyer's credentials. One record per
 * resource, dimension and UTC hour; on AgentCore one per ClientToken.
 */
export class MeterUsage implements ApiHandler {
  constructor(
    private readonly admission: SoftwareAdmission,
    private readonly tokens: ClientTokens,
    private readonly book: UsageBook,
    private readonly switches: Readonly<Switches>,
    private readonly random: SeededRandom,
  ) {}

  execute({ input, caller, region, now }: OperationCall): MeterUsageOutput {
    const metered = this.#read(input);
    const resource = this.admission.workloadOf(caller);
    if (input.boolean('DryRun') === true) return this.#dryRun(metered, resource, region, now);
    if (!resource) throw this.admission.notTheWorkload('MeterUsage');
    const { clientToken } = metered;
    if (resource.platform === 'agentcore') input.required('ClientToken', clientToken);
    const tokenOwner = `${caller.accountId} ${region}`;
    const parameters = parametersOf(metered);
    const known = clientToken === undefined ? undefined : this.tokens.recordOf(tokenOwner, clientToken, parameters);
    if (known !== undefined) return { MeteringRecordId: known };
    const listing = this.#judge(metered, resource, region, now);
    const agreement = this.admission.admit(resource, listing, now, this.#admittedStays(resource));
    const meteringRecordId = agreement ? this.#enter(metered, resource, agreement, now) : this.random.uuid();
    if (clientToken !== undefined) this.tokens.use(tokenOwner, clientToken, { parameters, meteringRecordId });
    return { MeteringRecordId: meteringRecordId };
  }

  #read(input: InputReader): Metered {
    const productCode = input.required('ProductCode', input.text('ProductCode', productCodeRule));
    const timestamp = input.required('Timestamp', input.timestamp('Timestamp'));
    const dimension = input.required('UsageDimension', input.text('UsageDimension', { min: 1, max: 255 }));
    const quantity = checkQuantity(input, 'UsageQuantity');
    const allocations = checkAllocations(input, quantity, this.switches);
    const clientToken = input.text('ClientToken', { min: 1, max: 64 });
    return { productCode, timestamp, dimension, quantity, allocations, clientToken };
  }

  /** Without effect. Says yes and no by errors [SDK-M], or yes by an answer. */
  #dryRun(metered: Metered, resource: ComputeResource | undefined, region: string, now: Date): MeterUsageOutput {
    const { dryRunChecks, dryRunRefusal } = this.switches;
    if (!resource) throw new ServiceError(dryRunRefusal, 'You are not authorized to perform this operation.');
    if (dryRunChecks === 'everything') {
      const listing = this.#judge(metered, resource, region, now);
      this.admission.payer(resource, listing, now, this.#admittedStays(resource));
    }
    switch (this.switches.dryRunAnswer) {
      case 'DryRunOperation':
        throw new ServiceError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
      case 'namedId':
        return { MeteringRecordId: 'DryRunOperation' };
      case 'otherId':
        return { MeteringRecordId: this.random.uuid() };
      case 'noId':
        return {};
    }
  }

  #admittedStays({ platform }: ComputeResource): boolean {
    return platform !== 'ec2' && this.switches.entitlementCheck === 'firstCall';
  }

  /** Whether this may be metered here and now, whoever pays. Without effect. */
  #judge(metered: Metered, resource: ComputeResource, region: string, now: Date): Listing {
    if (region !== resource.region || !this.admission.metersIn(resource.platform, region)) {
      throw new ServiceError(
        'InvalidEndpointRegionException',
        `The ${resource.platform} resource in ${resource.region} cannot meter in ${region}.`,
      );
    }
    const listing = this.admission.listing(metered.productCode, ['ami', 'container']);
    if (!listing.dimensions.some(({ name, type }) => name === metered.dimension && type === 'ExternallyMetered')) {
      throw new ServiceError(
        'InvalidUsageDimensionException',
        `The dimension ${metered.dimension} is not one that the product meters.`,
      );
    }
    const { allocations = [] } = metered;
    if (
      resource.platform === 'agentcore' &&
      this.switches.agentCoreTags === 'InvalidTagException' &&
      allocations.some(({ Tags: tags }) => tags)
    ) {
      throw new ServiceError('InvalidTagException', 'Tags are not supported on Amazon Bedrock AgentCore.');
    }
    const from = this.#takenFrom(resource, listing, now).getTime();
    const reason = outOfMeterUsageWindow(metered.timestamp, now.getTime(), from, this.switches);
    if (reason !== undefined) {
      throw new ServiceError(
        'TimestampOutOfBoundsException',
        `The timestamp ${new Date(metered.timestamp).toISOString()} ${reason}.`,
      );
    }
    return listing;
  }

  #takenFrom(resource: ComputeResource, listing: Listing, now: Date): Date {
    if (this.switches.meterUsageFrom === 'launch') return resource.launchedAt;
    const agreement = this.admission.payer(resource, listing, now, this.#admittedStays(resource));
    return agreement ? this.admission.startOf(agreement) : resource.launchedAt;
  }

  #enter(metered: Metered, resource: ComputeResource, agreement: Agreement, now: Date): string {
    const { productCode, dimension, quantity, allocations, timestamp, clientToken } = metered;
    const onAgentCore = resource.platform === 'agentcore';
    const entry = {
      operation: 'MeterUsage' as const,
      productCode,
      region: resource.region,
      identity: 'resource' as const,
      agreementId: agreement.agreementId,
      customerAWSAccountId: resource.accountId,
      resourceId: resource.resourceId,
      dimension,
      hour: new Date(hourOf(timestamp)).toISOString(),
      quantity,
      ...(allocations && !onAgentCore && { usageAllocations: allocations }),
    };
    const byToken = onAgentCore || this.switches.newClientToken === 'anotherRecord';
    const when = { timestamp, acceptedAt: now.getTime() };
    const { found, line } = this.book.enter(entry, when, byToken ? clientToken : undefined);
    if (found !== 'other') return line.meteringRecordId;
    throw new ServiceError(
      'DuplicateRequestException',
      'The resource has metered this dimension and hour with another quantity.',
    );
  }
}

function parametersOf({ productCode, timestamp, dimension, quantity, allocations }: Metered): string {
  return JSON.stringify([productCode, timestamp, dimension, quantity, allocationsKey(allocations)]);
}
