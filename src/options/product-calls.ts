/** Which calls a listing needs, by what it sells. docs/product-types.md has the same rows. */
export const PRODUCT_CALLS = [
  { listing: 'SaaS', calls: 'BatchMeterUsage', options: "type: 'saas'" },
  {
    ...{ listing: 'container, price per hour', calls: 'RegisterUsage' },
    options: "type: 'container', usageOperation: 'RegisterUsage', dimensions: []",
  },
  { listing: 'container, custom dimensions', calls: 'MeterUsage', options: "type: 'container'" },
  {
    ...{ listing: 'container, both prices', calls: 'RegisterUsage and MeterUsage' },
    options: "type: 'container', usageOperation: 'both'",
  },
  { listing: 'AMI, custom dimensions', calls: 'MeterUsage', options: "type: 'ami'" },
  { listing: 'AMI, price per hour or year', calls: 'none: AWS meters it', options: 'not listed here' },
  { listing: 'container or AMI, free or bring your own license', calls: 'none', options: 'not listed here' },
  { listing: 'container, contract alone', calls: 'those of AWS License Manager', options: 'not listed here' },
] as const;

/** The rows for a message, each on a line of its own. */
export function productCallsText(): string {
  const rows = PRODUCT_CALLS.map(({ listing, calls, options }) => `      ${listing}: ${calls} (${options})`);
  return ['', '    which product needs which call:', ...rows].join('\n');
}
