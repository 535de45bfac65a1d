/** Credentials as every AWS SDK v3 credential provider returns them. */
export type CredentialsProvider = () => Promise<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}>;

/** How AWS Marketplace is called. */
export interface AwsOptions {
  /**
   * Another endpoint for all calls but those to queues.
   *
   * Give it for the simulator.
   *
   * @range an absolute http(s) URL without user name or password
   * @defaultValue none: those of AWS
   * @environment MARKETPLACE_AWS_ENDPOINT
   */
  endpoint?: string | undefined;
  /**
   * Credential provider of the seller account: the account that published the product.
   *
   * Give it where the application runs in another account, for example `fromTemporaryCredentials`.
   *
   * @range a function that returns credentials
   * @defaultValue none: the SDK's default chain
   * @environment none
   */
  credentials?: CredentialsProvider | undefined;
  /**
   * What AWS answers to an identical resend, on which its texts conflict: with `unknown` a DuplicateRecord after a lost
   * answer proves the billing; with `success` it is a conflict.
   *
   * Give `success` only when AWS has told you so: then a lost answer whose resend is a duplicate waits for a person.
   *
   * @range `unknown` or `success`
   * @defaultValue `unknown`
   * @environment MARKETPLACE_AWS_IDENTICAL_RESEND
   */
  identicalResend?: 'unknown' | 'success' | undefined;
  /** Questions a second, per account and region. */
  callsPerSecond?: CallRateOptions | undefined;
}

/**
 * Questions a second, per account and region, shared by all replicas. Each question waits for its turn, and slows down
 * when AWS throttles. The defaults lie below AWS's quotas, because other tools of the account share them.
 */
export interface CallRateOptions {
  /**
   * Calls of MeterUsage. AWS allows 10 in the buyer's account and region, for the software of all its vendors together.
   *
   * Lower it where the buyer runs much metered software; raise it where an hour has many dimensions and little time.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 5
   * @environment MARKETPLACE_AWS_METER_USAGE_PER_SECOND
   */
  meterUsage?: number | undefined;
  /**
   * Calls of GetEntitlements; AWS allows 20.
   *
   * Lower it where other tools of the account ask as well; raise it where AWS has raised your quota.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 15
   * @environment MARKETPLACE_AWS_GET_ENTITLEMENTS_PER_SECOND
   */
  getEntitlements?: number | undefined;
  /**
   * Calls of SearchAgreements; AWS allows 5.
   *
   * Lower it where other tools of the account ask as well; raise it where AWS has raised your quota.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 4
   * @environment MARKETPLACE_AWS_SEARCH_AGREEMENTS_PER_SECOND
   */
  searchAgreements?: number | undefined;
  /**
   * Calls of DescribeAgreement; AWS allows 5.
   *
   * Lower it where other tools of the account ask as well; raise it where AWS has raised your quota.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 4
   * @environment MARKETPLACE_AWS_DESCRIBE_AGREEMENT_PER_SECOND
   */
  describeAgreement?: number | undefined;
  /**
   * Calls of GetAgreementTerms; AWS's pages say 5 and 10.
   *
   * Lower it where other tools of the account ask as well; raise it where AWS has raised your quota.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 4
   * @environment MARKETPLACE_AWS_GET_AGREEMENT_TERMS_PER_SECOND
   */
  getAgreementTerms?: number | undefined;
  /**
   * Calls of CloudTrail's LookupEvents; AWS allows 2, which the console and every other tool of the account share.
   *
   * Lower it where other tools of the account look events up as well.
   *
   * @unit calls per second
   * @range 0.1 to 1,000
   * @defaultValue 1
   * @environment MARKETPLACE_AWS_LOOKUP_EVENTS_PER_SECOND
   */
  lookupEvents?: number | undefined;
}
