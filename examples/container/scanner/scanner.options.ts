import { type Options, type ProductOptions, type StaticOptions } from 'nestjs-marketplace-metering';

/** API name of the listing's dimension. */
export const SCANS = 'gigabytes_scanned';

/**
 * Of the listing, from its page in the AWS Marketplace Management Portal. They stand in the code: in a buyer's account
 * the environment is the buyer's.
 */
const LISTING: Listing = {
  productCode: '3f7p2q9x8k1m4n6r5t0v2w3y1',
  publicKeys: {
    // An example's: the key of your listing takes its place.
    1: `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArB5JxKqLdzzxwsP0EIyb
QWwqXCjBnE9k9065EMc+vvf/KnzJuiZEGGqye7DidjKBGcqz0fp8yfdTheuiiee/
9KdG46g3N7c2GL9/uAYrGgjgx1YhqYBMLRFOTNJmQhr5Q3aIh70zwYF+5ex5CjE0
0lFPGxXqEKS41centsNZ7M5mGXY5L2YNWpxuuzWouVqTiEeCR0AXxh5csLUb2WFB
HIBpEnFA5+9FMOsAEuEhHZkGSeoT9VcC94tBvHpzfU8zPwSeCmXF1yDGv5ZC2m0F
xbdkq8EDORQPlGQoYBjxMgYJJPM31LPL/dYc60zHGy1D49kGJDoNApYrOFBQ4VmP
TwIDAQAB
-----END PUBLIC KEY-----`,
  },
};

export interface Listing {
  productCode: string;
  publicKeys: Record<string, string>;
}

/** A listing with both prices: by the hour of each task or pod, and by what is scanned. */
export function productOf({ productCode, publicKeys }: Listing): ProductOptions {
  return {
    ...{ productCode, type: 'container', usageOperation: 'both', dimensions: [SCANS] },
    registerUsage: { publicKeys },
  };
}

/** Nothing that a seller's backend has: no landing page, no messages of AWS, no operators from outside. */
export const SOFTWARE: StaticOptions = { registration: false, notifications: false, admin: false };

/** What is released. The database is DATABASE_URL, and all else the platform tells. */
export function releaseOptions(): Options & StaticOptions {
  return {
    ...SOFTWARE,
    products: [productOf(LISTING)],
    migrations: 'run',
    // As terminationGracePeriodSeconds and stopTimeout of the manifests have it.
    submission: { shutdownGraceMs: 90_000 },
  };
}
