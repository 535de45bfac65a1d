/**
 * Units that a contract includes: usage of them is not billed, and what exceeds them is. AWS never subtracts them of a
 * SaaS product; see docs/contracts.md.
 */
export interface IncludedUnitsOptions {
  /**
   * The dimension that the buyer has bought in advance, as GetEntitlements names it. Under a new name the contract that
   * covered some of the same usage goes on, with what AWS lists under the old one.
   *
   * @range one of `contractDimensions`; each once
   * @defaultValue required
   * @environment MARKETPLACE_PRODUCTS
   */
  contractDimension: string;
  /**
   * Dimensions of usage that share the units.
   *
   * What has several shares them in the order in which its hours are sealed.
   *
   * @range at least one of `dimensions`; each in one entry only
   * @defaultValue required
   * @environment MARKETPLACE_PRODUCTS
   */
  covers: string[];
  /**
   * Units included in each term, whatever the buyer has bought. Without it AWS is asked (GetEntitlements).
   *
   * Give it where every buyer has the same units, and for AMI and container products, whose buyers' entitlements cannot
   * be asked for. Changed in the middle of a term, more count from the hour of the start that says so, fewer from the
   * next: what was included stays, what was billed too.
   *
   * @unit units of the contract dimension
   * @range 0 to 9,007,199,254,740,991
   * @defaultValue none: as GetEntitlements says
   * @environment MARKETPLACE_PRODUCTS
   */
  units?: number | undefined;
  /**
   * Units of usage that one unit of the contract stands for.
   *
   * Give `1000` where a pack of the contract holds 1,000 calls. A change counts as one of `units` does.
   *
   * @unit units of usage
   * @range 1 to 1,000,000,000
   * @defaultValue 1
   * @environment MARKETPLACE_PRODUCTS
   */
  factor?: number | undefined;
  /**
   * The dimension under which AWS is sent what exceeds the units. Without it each dimension of usage is sent under its
   * own name.
   *
   * Give it where the listing meters the excess under a name of its own.
   *
   * @range a metered dimension of the listing that is in neither list of dimensions
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  excessDimension?: string | undefined;
  /**
   * Units of usage that one unit of the excess dimension stands for. Only whole blocks are sent; the rest is carried,
   * and never rounded up.
   *
   * Give it, with `excessDimension`, where the excess is sold in packs.
   *
   * @unit units of usage
   * @range 1 to 1,000,000,000
   * @defaultValue 1
   * @environment MARKETPLACE_PRODUCTS
   */
  block?: number | undefined;
  /**
   * How long the units last: for the whole term of the agreement, or anew for each month of it, counted from its start.
   *
   * Give `month` where your offer includes units each month. Changed in the middle of a term, it says where the next one
   * begins: to `month`, the term goes on with its units until the agreement's next month; to `term`, the running month
   * lasts as long as the agreement's term.
   *
   * @range `term` or `month`
   * @defaultValue `term`
   * @environment MARKETPLACE_PRODUCTS
   */
  per?: 'term' | 'month' | undefined;
  /**
   * Whether units that one term, or month, leaves are there in the next.
   *
   * Give `true` where your offer says so. A change counts for terms, or months, that begin after it.
   *
   * @range true or false
   * @defaultValue false
   * @environment MARKETPLACE_PRODUCTS
   */
  rollsOver?: boolean | undefined;
}
