/**
 * How the product's buyers are named in records: by LicenseArn (SaaS listings since 2026-06-01) or by ProductCode and
 * customer [SDK-M].
 */
export type ProductIdentity = 'license' | 'legacy';

export interface Dimension {
  /** API name; case-sensitive. 1 to 255 characters. */
  name: string;
  /** `ExternallyMetered` takes usage; `Entitled` is bought in advance and refuses it. Default `ExternallyMetered`. */
  type: 'ExternallyMetered' | 'Entitled';
}

/** SaaS is metered by its seller; AMI and container software meters itself, with its buyer's credentials. */
export type ProductType = 'saas' | 'ami' | 'container';

export interface ProductOptions {
  /** Default: a generated code in AWS's form (25 characters). */
  productCode?: string;
  dimensions: readonly (string | { name: string; type?: Dimension['type'] })[];
  /** Default `saas`. */
  type?: ProductType;
  /** Default `license`. */
  identity?: ProductIdentity;
  /**
   * Where BatchMeterUsage takes this product; elsewhere it answers DisabledApiException. Default: all regions that have
   * the API.
   */
  regions?: readonly string[];
  /** As events of renewals print it. Default: `Product <code>`. */
  title?: string;
}

/** What can be changed in a published product. What is absent stays; `dimensions` replace all there were. */
export type ProductChange = Partial<Pick<ProductOptions, 'dimensions' | 'regions' | 'title'>>;

/** A product on AWS Marketplace. */
export interface Listing {
  readonly productCode: string;
  /** `prod-…`: the product as EventBridge and the Agreement API name it. */
  readonly productId: string;
  readonly title: string;
  /** Of the offer that everyone can accept. */
  readonly publicOfferId: string;
  readonly dimensions: readonly Readonly<Dimension>[];
  readonly type: ProductType;
  readonly identity: ProductIdentity;
  readonly regions: readonly string[];
}

/**
 * Regions of BatchMeterUsage [developer guide, "Metering service regions"]; the European Sovereign Cloud has an
 * endpoint in BOTO.
 */
export const meteringRegions: readonly string[] = [
  ...['af-south-1', 'ap-east-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-south-2'],
  ...[
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-southeast-3',
    'ap-southeast-4',
    'ca-central-1',
    'eu-central-1',
    'eu-central-2',
  ],
  ...[
    'eu-north-1',
    'eu-south-1',
    'eu-south-2',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'il-central-1',
    'me-central-1',
    'me-south-1',
  ],
  ...['sa-east-1', 'us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'cn-northwest-1', 'eusc-de-east-1'],
];

/** Dimensions with what they leave out. */
export function listingDimensions(dimensions: ProductOptions['dimensions']): Dimension[] {
  return dimensions.map((dimension) => {
    const { name, type = 'ExternallyMetered' } = typeof dimension === 'string' ? { name: dimension } : dimension;
    if (name.length < 1 || name.length > 255) throw new Error(`A dimension has 1 to 255 characters: "${name}"`);
    return { name, type };
  });
}
