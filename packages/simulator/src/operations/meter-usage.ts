import { type Agreement } from '../market/agreement.js';
import { type ApiHandler, type OperationCall } from '../wire/api-handler.js';
import { type ClientTokens } from './client-tokens.js';
import { type ComputeResource } from '../wire/compute-resource.js';
import { type InputReader } from '../wire/input-reader.js';
import { hourOf, outOfMeterUsageWindow } from './metering-window.js';
import { type Listing } from '../market/listing.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from '../wire/service-error.js';
import { type SoftwareAdmission, softwareRegions } from './software-admission.js';
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
  MeteringRecordId: string;
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
    if (input.boolean('DryRun') === true) throw dryRunAnswer(resource !== undefined);
    if (!resource) throw this.admission.notTheWorkload();
    const { clientToken } = metered;
    if (resource.platform === 'agentcore') input.required('ClientToken', clientToken);
    const tokenOwner = `${caller.accountId} ${region}`;
    const parameters = parametersOf(metered);
    const known = clientToken === undefined ? undefined : this.tokens.recordOf(tokenOwner, clientToken, parameters);
    if (known !== undefined) return { MeteringRecordId: known };
    const listing = this.#judge(metered, resource, region, now);
    const admittedStays = resource.platform !== 'ec2' && this.switches.entitlementCheck === 'firstCall';
    const agreement = this.admission.admit(resource, listing, now, admittedStays);
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

  #judge(metered: Metered, resource: ComputeResource, region: string, now: Date): Listing {
    if (region !== resource.region || !softwareRegions[resource.platform].includes(region)) {
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
    const reason = outOfMeterUsageWindow(
      metered.timestamp,
      now.getTime(),
      resource.launchedAt.getTime(),
      this.switches,
    );
    if (reason !== undefined) {
      throw new ServiceError(
        'TimestampOutOfBoundsException',
        `The timestamp ${new Date(metered.timestamp).toISOString()} ${reason}.`,
      );
    }
    return listing;
  }

  #enter(metered: Metered, resource: ComputeResource, agreement: Agreement, now: Date): string {
    const { productCode, dimension, quantity, allocations, timestamp, clientToken } = metered;
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
      ...(allocations && { usageAllocations: allocations }),
    };
    const { found, line } = this.book.enter(
      entry,
      { timestamp, acceptedAt: now.getTime() },
      resource.platform === 'agentcore' ? clientToken : undefined,
    );
    if (found !== 'other') return line.meteringRecordId;
    throw new ServiceError(
      'DuplicateRequestException',
      'The resource has metered this dimension and hour with another quantity.',
    );
  }
}

/** DryRun says yes and no by errors [SDK-M]; their HTTP status is not documented. */
function dryRunAnswer(permitted: boolean): ServiceError {
  return permitted
    ? new ServiceError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.')
    : new ServiceError('UnauthorizedException', 'You are not authorized to perform this operation.');
}

function parametersOf({ productCode, timestamp, dimension, quantity, allocations }: Metered): string {
  return JSON.stringify([productCode, timestamp, dimension, quantity, allocationsKey(allocations)]);
}
