import { type RegisterUsageOptions } from './container-options.js';
import { type IncludedUnitsOptions } from './included-options.js';

/** A listing on AWS Marketplace. In the environment all products are one JSON array, MARKETPLACE_PRODUCTS. */
export interface ProductOptions {
  /**
   * Product code of the listing, as its page in the AWS Marketplace Management Portal shows it; not the entity id
   * `prod-…`.
   *
   * @range 1 to 255 letters, digits and `- / = : _ . @`
   * @defaultValue required
   * @environment MARKETPLACE_PRODUCTS
   */
  productCode: string;
  /**
   * Entity id of the listing.
   *
   * Give it with a legacy listing: agreement events carry no product code, and find its customers by this id.
   *
   * @range `prod-` with lower-case letters and digits
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  productId?: string | undefined;
  /**
   * What is sold. A `container` or `ami` runs in its buyer's account and meters itself: the installation is the
   * customer, and `record()` takes usage without a tenant. Such products and `saas` cannot share a module: they are
   * metered with different credentials.
   *
   * Give `container` for Amazon ECS, Amazon EKS and Bedrock AgentCore, `ami` for Amazon EC2.
   *
   * @range `saas`, `container` or `ami`
   * @defaultValue `saas`
   * @environment MARKETPLACE_PRODUCTS
   */
  type?: 'saas' | 'container' | 'ami' | undefined;
  /**
   * Which operation a container calls: `MeterUsage` for dimensions that it meters itself, `RegisterUsage` where AWS
   * meters by the hour, `both` only where the listing has both.
   *
   * Give `RegisterUsage` for a listing with hourly pricing; an AMI has `MeterUsage` alone.
   *
   * @range `MeterUsage`, `RegisterUsage` or `both`
   * @defaultValue `MeterUsage`; a `saas` product has BatchMeterUsage alone
   * @environment MARKETPLACE_PRODUCTS
   */
  usageOperation?: 'MeterUsage' | 'RegisterUsage' | 'both' | undefined;
  /** Keys of a container whose `usageOperation` is `RegisterUsage` or `both`. In the code alone. */
  registerUsage?: RegisterUsageOptions | undefined;
  /**
   * The container runs on Amazon Bedrock AgentCore, where AWS adds up records of one hour, tells repeats by ClientToken
   * alone and takes no tags.
   *
   * Give `true` for an image that is made for AgentCore; AWS advises against one image for both.
   *
   * @range true or false
   * @defaultValue false
   * @environment MARKETPLACE_PRODUCTS
   */
  agentCore?: boolean | undefined;
  /**
   * What becomes of the running hour when a container or AMI is shut down: `flush` sends it, so that nothing is lost
   * with the ledger; `keep` leaves it to the successor, which needs a ledger that outlives the resource.
   *
   * Give `flush` where the ledger lies in memory or on the disk of the task.
   *
   * @range `flush` or `keep`
   * @defaultValue `keep`
   * @environment MARKETPLACE_PRODUCTS
   */
  onShutdown?: 'flush' | 'keep' | undefined;
  /**
   * How records name the buyer: by LicenseArn and account id, or by ProductCode and CustomerIdentifier or account id.
   * Never both: AWS bills both.
   *
   * Give `legacy` for a listing from before June 2026 that was not moved; `LicenseMigration` moves it.
   *
   * @range `license` or `legacy`
   * @defaultValue `license`
   * @environment MARKETPLACE_PRODUCTS
   */
  identity?: 'license' | 'legacy' | undefined;
  /**
   * API names of the listing's dimensions, case-sensitive. Usage of any other is refused when it is recorded.
   *
   * @range at least one, none where a container only calls RegisterUsage; each once, 1 to 255 characters
   * @defaultValue required
   * @environment MARKETPLACE_PRODUCTS
   */
  dimensions: string[];
  /**
   * API names of the dimensions that buyers buy in advance by a contract; the seller's listing has them beside those
   * that are metered.
   *
   * Give them where the product has a contract, with or without consumption.
   *
   * @range each once, none of `dimensions`
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  contractDimensions?: string[] | undefined;
  /**
   * Who subtracts the units of a contract from usage. `aws`: all usage is sent, and AWS tracks prepaid units itself, as
   * it does for AMI and container products. `module`: only what exceeds `includedUnits` is sent.
   *
   * Must be given for an AMI or container product with a contract; of a SaaS product AWS never subtracts.
   *
   * @range `aws` or `module`
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  included?: 'aws' | 'module' | undefined;
  /**
   * Which units a contract includes, of which usage.
   *
   * Give it for a contract with consumption.
   *
   * @range an entry for each contract dimension that includes usage
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  includedUnits?: IncludedUnitsOptions[] | undefined;
  /**
   * Where the product is metered. Of a `saas` product pinned at the first start, because AWS deduplicates records per
   * region. A container or AMI is metered where it runs, and learns that by itself (`auto`).
   *
   * Give the region that the listing meters in, where it is not the default one.
   *
   * @range an AWS region; `auto` for `container` and `ami`
   * @defaultValue `us-east-1`; `auto` for `container` and `ami`
   * @environment MARKETPLACE_PRODUCTS
   */
  region?: string | undefined;
  /**
   * Whether usage goes to AWS. `dry-run` seals but sends nothing: what it would have sent is held. `off` only records:
   * usage waits as `notLive`.
   *
   * Start with `dry-run` to see what would be billed, then go live with `liveFrom`.
   *
   * @range `live`, `dry-run` or `off`
   * @defaultValue `live`
   * @environment MARKETPLACE_PRODUCTS
   */
  mode?: 'live' | 'dry-run' | 'off' | undefined;
  /**
   * First UTC hour to bill.
   *
   * Needed when a product goes live after `dry-run` or `off`: it says what of the time before is not to be billed.
   *
   * @range the start of a UTC hour: a Date, or an ISO time such as `2026-12-01T00:00:00Z`
   * @defaultValue none
   * @environment MARKETPLACE_PRODUCTS
   */
  liveFrom?: Date | string | undefined;
  /**
   * When an hour without usage gets a record of quantity 0: at the end of its window, so that late usage is never
   * locked out; when it is sealed; or never.
   *
   * Give `atSeal` to tell AWS of idle hours soon, though late usage must then go with another hour; `off` to send none.
   *
   * @range `atWindowEdge`, `atSeal` or `off`
   * @defaultValue `atWindowEdge`; `off` for `container` and `ami`
   * @environment MARKETPLACE_PRODUCTS
   */
  zeroRecords?: 'atWindowEdge' | 'atSeal' | 'off' | undefined;
  /**
   * Usage that several subscriptions of a tenant could pay: `wait` keeps it as `ambiguous`, with an alert, until a
   * payer is chosen or one of them ends; `paidFirst` lets the one that is no trial pay, where there is just one.
   *
   * Give `paidFirst` where a trial may run beside a paid agreement, and the paid one should pay.
   *
   * @range `wait` or `paidFirst`
   * @defaultValue `wait`
   * @environment MARKETPLACE_PRODUCTS
   */
  onSeveral?: 'wait' | 'paidFirst' | undefined;
}
