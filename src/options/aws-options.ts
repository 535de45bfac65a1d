import { type Agent } from 'node:http';

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
   * Another endpoint for all calls but those to queues and to STS.
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
   * Give it where the SDK's default chain does not find them; where they are those of a role, `assumeRole` is enough.
   *
   * @range a function that returns credentials
   * @defaultValue none: the SDK's default chain
   * @environment none
   */
  credentials?: CredentialsProvider | undefined;
  /** A role to call AWS with, which is assumed with the credentials that there are. */
  assumeRole?: AssumeRoleOptions | undefined;
  /**
   * HTTP proxy for all calls to AWS, which are tunnelled through it (CONNECT): its URL, or an agent of Node.js that makes
   * the connections. false: none, whatever the environment says.
   *
   * Give it where AWS has another proxy than `HTTPS_PROXY` and `NO_PROXY` say; an agent for what is no HTTP proxy.
   *
   * @range an http(s) URL, which may have a user name and a password, an `http.Agent`, or false
   * @defaultValue none: as `HTTPS_PROXY` and `NO_PROXY` say; never for this machine itself
   * @environment none
   */
  proxy?: string | Agent | false | undefined;
  /**
   * Whether AWS is called at its FIPS 140 endpoints.
   *
   * Give true where your rules demand it, in a region where AWS has them.
   *
   * @range true or false
   * @defaultValue none: as the SDK finds it (`AWS_USE_FIPS_ENDPOINT`, `use_fips_endpoint`), else false
   * @environment MARKETPLACE_AWS_USE_FIPS_ENDPOINT
   */
  useFipsEndpoint?: boolean | undefined;
  /**
   * Whether AWS is called at its dual-stack endpoints, which IPv6 reaches as well as IPv4.
   *
   * Give true where the application has IPv6 only.
   *
   * @range true or false
   * @defaultValue none: as the SDK finds it (`AWS_USE_DUALSTACK_ENDPOINT`, `use_dualstack_endpoint`), else false
   * @environment MARKETPLACE_AWS_USE_DUALSTACK_ENDPOINT
   */
  useDualstackEndpoint?: boolean | undefined;
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
 * A role of the seller account that is assumed (AssumeRole) with the credentials that there are, and again some minutes
 * before its session ends. For applications that run in another account than the one that published the products.
 */
export interface AssumeRoleOptions {
  /**
   * ARN of the role whose credentials call AWS.
   *
   * Give it where the application runs in another account than the seller's.
   *
   * @range `arn:aws:iam::<account>:role/<name>`
   * @defaultValue none: required in `assumeRole`
   * @environment MARKETPLACE_AWS_ASSUME_ROLE_ARN
   */
  roleArn: string;
  /**
   * What the role's trust policy wants as `sts:ExternalId`.
   *
   * Give it where the trust policy has that condition.
   *
   * @range 2 to 1,224 letters, digits or `_ + = , . @ : / -`
   * @defaultValue none
   * @environment MARKETPLACE_AWS_ASSUME_ROLE_EXTERNAL_ID
   */
  externalId?: string | undefined;
  /**
   * Name of the session, by which CloudTrail shows who called.
   *
   * Give another where several applications share the role.
   *
   * @range 2 to 64 letters, digits or `_ + = , . @ -`
   * @defaultValue none: `nestjs-marketplace-metering` where a role is assumed
   * @environment MARKETPLACE_AWS_ASSUME_ROLE_SESSION_NAME
   */
  sessionName?: string | undefined;
  /**
   * How long a session lasts. AWS allows as much as the role says, and one hour where a role assumes a role.
   *
   * Lower it where your rules want short sessions; raise it to ask STS less often.
   *
   * @unit ms
   * @range 900,000 (15 min) to 43,200,000 (12 h)
   * @defaultValue none: 3,600,000 (1 h) where a role is assumed
   * @environment MARKETPLACE_AWS_ASSUME_ROLE_DURATION_MS
   */
  durationMs?: number | undefined;
  /**
   * Roles that are assumed on the way, in this order, each by the one before it: role chaining. The external id is for
   * `roleArn` alone.
   *
   * Give it where the role trusts another role than the application's own.
   *
   * @range ARNs of roles; comma-separated in the variable
   * @defaultValue none
   * @environment MARKETPLACE_AWS_ASSUME_ROLE_THROUGH
   */
  through?: string[] | undefined;
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
