/** What says where a workload runs, in the order in which it is believed. */
export type RegionSource = 'option' | 'workload' | 'variable';

export interface RegionChoice {
  /** Null where nothing says it. */
  region: string | null;
  source: RegionSource | null;
  /** Others that say something else, for a sentence: `AWS_REGION says us-east-1`. */
  disagreements: string[];
}

const SAYS: Readonly<Record<RegionSource, string>> = {
  option: 'products[].region',
  workload: 'the workload',
  variable: 'AWS_REGION',
};

/**
 * The option, then what the task's ARN, the token's issuer or the instance says of itself, then the variable, which is
 * often baked into an image.
 */
export function chooseRegion(said: Readonly<Record<RegionSource, string | null>>): RegionChoice {
  const order: RegionSource[] = ['option', 'workload', 'variable'];
  const source = order.find((one) => said[one] !== null) ?? null;
  const region = source === null ? null : said[source];
  const disagreements = order
    .filter((one) => said[one] !== null && said[one] !== region)
    .map((one) => `${SAYS[one]} says ${said[one] ?? ''}`);
  return { region, source, disagreements };
}
