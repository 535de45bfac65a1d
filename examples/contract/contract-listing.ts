import { type ProductOptions } from 'nestjs-marketplace-metering';

/** What AWS meters of the listing: what exceeds the contract, and storage. */
export const METERED_DIMENSIONS = ['overage_pack', 'storage'];
export const CALLS_IN_A_PACK = 1000;

/**
 * A contract with consumption: buyers buy packs of 1,000 calls in advance. Geocoding and routing share them; what exceeds
 * is sold in further packs. Storage is billed as it is used.
 */
export const ATLAS: ProductOptions = {
  productCode: 'atlas',
  dimensions: ['geocoding', 'routing', 'storage'],
  contractDimensions: ['pack'],
  includedUnits: [
    {
      contractDimension: 'pack',
      covers: ['geocoding', 'routing'],
      factor: CALLS_IN_A_PACK,
      excessDimension: 'overage_pack',
      block: CALLS_IN_A_PACK,
    },
  ],
};
