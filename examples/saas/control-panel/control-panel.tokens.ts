/** Under which seller account the demo keeps its ledger. */
export const SELLER_ACCOUNT = Symbol('seller account of the demo');
/** The listing's product code on the simulated marketplace. */
export const PRODUCT_CODE = Symbol('product code of the demo');
/** How many times as fast as the wall clock business time runs. */
export const RATE = Symbol('rate of the demo clock');
