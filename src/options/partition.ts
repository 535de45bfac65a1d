/** A division of AWS that shares neither accounts nor credentials with another. */
export type Partition = 'aws' | 'aws-cn' | 'aws-us-gov' | 'aws-eusc' | 'aws-iso';

const PREFIXES: readonly (readonly [RegExp, Partition])[] = [
  [/^cn-/, 'aws-cn'],
  [/^us-gov-/, 'aws-us-gov'],
  [/^eusc-/, 'aws-eusc'],
  [/^(us|eu)-iso/, 'aws-iso'],
];

export function partitionOf(region: string): Partition {
  return PREFIXES.find(([prefix]) => prefix.test(region))?.[1] ?? 'aws';
}

const MAIN_REGIONS: Partial<Record<Partition, string>> = { 'aws-cn': 'cn-northwest-1', 'aws-eusc': 'eusc-de-east-1' };

/** GetEntitlements and the Agreement API are served in one region of a partition, whatever region a product meters in. */
export function mainRegionOf(region: string): string {
  return MAIN_REGIONS[partitionOf(region)] ?? 'us-east-1';
}

/**
 * Why AWS takes no usage of a SaaS product in a region [BatchMeterUsage's list of regions]: its partition has no
 * Marketplace for such products, or has it in one region. Null where it may. Regions of one partition come and go: of
 * them AWS's own answer decides.
 */
export function saasRegionFault(region: string): string | null {
  switch (partitionOf(region)) {
    case 'aws-us-gov':
      return (
        'AWS meters no SaaS product in GovCloud: give a region such as us-east-1, and the credentials of the seller ' +
        'account there'
      );
    case 'aws-iso':
      return 'there is no AWS Marketplace metering in this partition; give a region such as us-east-1';
    case 'aws-cn':
      return region === 'cn-northwest-1' ? null : 'in China AWS meters in cn-northwest-1 alone; give that';
    default:
      return null;
  }
}
