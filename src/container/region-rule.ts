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
  // Stryker disable next-line StringLiteral: the option comes first, and disagrees with nothing.
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
  const [chosen, ...others] = order.flatMap((source) => {
    const region = said[source];
    return region === null ? [] : [{ region, source }];
  });
  if (!chosen) return { region: null, source: null, disagreements: [] };
  const disagreements = others
    .filter(({ region }) => region !== chosen.region)
    .map(({ region, source }) => `${SAYS[source]} says ${region}`);
  return { ...chosen, disagreements };
}
