import { type Agreement } from '../market/agreement.js';
import { type Caller } from '../wire/api-handler.js';
import { type ComputePlatform, type ComputeResource } from '../wire/compute-resource.js';
import { type Listing, meteringRegions, type ProductType } from '../market/listing.js';
import { type MarketplaceCatalog } from '../market/marketplace-catalog.js';
import { ServiceError } from '../wire/service-error.js';
import { type Switches } from '../switches.js';

const productTypes: Readonly<Record<ComputePlatform, ProductType>> = {
  ec2: 'ami',
  ecs: 'container',
  eks: 'container',
  fargate: 'container',
  agentcore: 'container',
};

const govCloudRegions = ['us-gov-east-1', 'us-gov-west-1'];
const eksRegions = [
  ...[
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'eu-central-1',
    'eu-north-1',
  ],
  ...[
    'ap-east-1',
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-south-1',
    'ca-central-1',
    'sa-east-1',
  ],
];

/** Where software of each platform can meter itself: GovCloud for AMIs only, EKS in 17 regions [REG, SDK-M]. */
const softwareRegions: Readonly<Record<ComputePlatform, readonly string[]>> = {
  ec2: [...meteringRegions, ...govCloudRegions],
  ecs: meteringRegions,
  eks: eksRegions,
  fargate: meteringRegions,
  agentcore: meteringRegions,
};

export interface AdmissionSnapshot {
  readonly admitted: readonly (readonly [software: string, agreementId: string])[];
}

/** Which software in buyers' accounts AWS takes for subscribed, and whose agreement pays for it. */
export class SoftwareAdmission {
  readonly #admitted = new Map<string, string>();

  constructor(
    private readonly catalog: MarketplaceCatalog,
    private readonly sellerAccountId: string,
    private readonly switches: Readonly<Pick<Switches, 'unsupportedCredentials' | 'eksRegions'>>,
  ) {}

  /** Whether AWS meters software of this platform in the region. */
  metersIn(platform: ComputePlatform, region: string): boolean {
    if (platform === 'eks' && this.switches.eksRegions === 'all') return meteringRegions.includes(region);
    return softwareRegions[platform].includes(region);
  }

  /** The software behind a call signed by the role of its workload; undefined for every other signer [SDK-M]. */
  workloadOf({ resource }: Caller): ComputeResource | undefined {
    return resource?.credentialSource === 'workload' ? resource : undefined;
  }

  notTheWorkload(operation: 'MeterUsage' | 'RegisterUsage'): ServiceError {
    const { unsupportedCredentials: name } = this.switches;
    return operation === 'MeterUsage' && name === 'PlatformNotSupportedException'
      ? new ServiceError('AccessDeniedException', 'The call must be signed by the role of the workload.')
      : new ServiceError(name, 'The call must be signed by the role of the workload, from within the task or pod.');
  }

  listing(productCode: string, types: readonly ProductType[]): Listing {
    const listing = this.catalog.listing(productCode);
    if (listing && types.includes(listing.type)) return listing;
    throw new ServiceError(
      'InvalidProductCodeException',
      `The product code ${productCode} is not that of a product of this kind.`,
    );
  }

  /**
   * The agreement that pays, or undefined for a preview in the seller's own account, which needs none [SG23]. Software
   * that was admitted once stays so while it runs, where `admittedStays`. Throws CustomerNotEntitledException.
   */
  admit(resource: ComputeResource, listing: Listing, now: Date, admittedStays: boolean): Agreement | undefined {
    const agreement = this.payer(resource, listing, now, admittedStays);
    if (agreement) this.#admitted.set(softwareOf(resource, listing), agreement.agreementId);
    return agreement;
  }

  /** As `admit`, without effect. */
  payer(resource: ComputeResource, listing: Listing, now: Date, admittedStays: boolean): Agreement | undefined {
    if (resource.accountId === this.sellerAccountId) return undefined;
    const earlier = this.#admitted.get(softwareOf(resource, listing));
    if (earlier !== undefined && admittedStays) return this.catalog.agreement(earlier);
    const agreement = this.catalog
      .byAccountId(resource.accountId)
      .find(({ productCode, startsAt, endsAt, suspended }) => {
        return productCode === listing.productCode && !suspended && startsAt <= now && !(endsAt && endsAt <= now);
      });
    if (!agreement || productTypes[resource.platform] !== listing.type) {
      throw new ServiceError('CustomerNotEntitledException', 'The customer has no valid subscription for the product.');
    }
    return agreement;
  }

  /** Since when its buyer has used the software: renewals are no interruption. */
  startOf(agreement: Agreement): Date {
    return this.catalog.sinceFirst(agreement).startsAt;
  }

  snapshot(): AdmissionSnapshot {
    return { admitted: [...this.#admitted] };
  }

  restore({ admitted }: AdmissionSnapshot): void {
    this.#admitted.clear();
    for (const [software, agreementId] of admitted) this.#admitted.set(software, agreementId);
  }
}

function softwareOf({ resourceId }: ComputeResource, { productCode }: Listing): string {
  return JSON.stringify([resourceId, productCode]);
}
