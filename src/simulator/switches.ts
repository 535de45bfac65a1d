/**
 * Where AWS's own texts conflict or are silent, the simulator plays either reading. One switch per open question.
 *
 * The defaults follow AWS's API model and reference where they speak, and the stricter reading where they are silent or contradict
 * themselves: what works under the defaults should work under the lenient readings too.
 *
 * Sources: SDK-M = comments in `@aws-sdk/client-marketplace-metering` 3.1138.0; BOTO = botocore 1.43.107 service model; SG-setup = seller
 * guide, "SaaS product customer setup"; SKILL = the metering skill in aws/agent-toolkit-for-aws; RH-n = pull request n of
 * RedHatInsights/rhsm-subscriptions, a production seller.
 */
export interface Switches {
  /**
   * A record sent again with the same quantity in the same grain.
   * `success`: the first MeteringRecordId again [SDK-M: identical requests are idempotent].
   * `duplicateRecord`: Status DuplicateRecord [SKILL].
   * Another quantity is DuplicateRecord under both; the first quantity is billed.
   * Default `success`.
   */
  identicalResend: 'success' | 'duplicateRecord';
  /**
   * A resend with the same quantity but other UsageAllocations. AWS is silent.
   * `identical`: judged by `identicalResend`, since only the quantity is named [SDK-M]. `duplicateRecord`: a conflict.
   * Default `identical`.
   */
  otherAllocations: 'identical' | 'duplicateRecord';
  /**
   * MeteringRecordId of a DuplicateRecord result. AWS is silent: `absent`, or the id of the `original` record.
   * Default `absent`.
   */
  duplicateMeteringRecordId: 'absent' | 'original';
  /**
   * How old usage may be, in hours, > 0. A record of exactly this age is refused. 24 [SDK-M, late 2026]; 6 and 1 stand in older texts.
   * Default 24.
   */
  lateWindowHours: number;
  /**
   * What `lateWindowHours` is measured back from: `now`, or the start of the current UTC hour (`currentHour`, the more lenient) [RH-2641].
   * Default `now`.
   */
  lateWindowFrom: 'now' | 'currentHour';
  /**
   * Usage of a month is refused from 06:00 UTC on the 1st of the next, whatever its age [SDK-M]. Whether the time until then also
   * overrides `lateWindowHours` is open: `capOnly` (no), or `extends` (usage of the previous month is taken until 06:00 at any age).
   * Default `capOnly`.
   */
  monthEndGrace: 'capOnly' | 'extends';
  /** How far in the future a timestamp may lie, in milliseconds, >= 0. That future usage is refused: SKILL; the tolerance: silent. Default 300000. */
  futureSkewMs: number;
  /**
   * The error for usage before the agreement started [SDK-M says it is refused, not how].
   * Default `TimestampOutOfBoundsException`.
   */
  usageBeforeStart: 'TimestampOutOfBoundsException' | 'InvalidLicenseException';
  /**
   * License identity, within the final hour: a timestamp at or after the end of the agreement. `InvalidLicenseException` (outside the
   * license's active period [SDK-M]) or Status `CustomerNotSubscribed`. Legacy identity always answers the latter.
   * Default `InvalidLicenseException`.
   */
  usageAfterEnd: 'InvalidLicenseException' | 'CustomerNotSubscribed';
  /**
   * Usage sent within one hour after the end of the agreement: `accepted` [seller guide, "about one hour to send final usage"], or
   * `refused` with CustomerNotSubscribed at once [SKILL/troubleshooting].
   * Default `accepted`.
   */
  finalHour: 'accepted' | 'refused';
  /**
   * One LicenseArn that is unknown, of another customer, or used outside its term: `wholeBatch` (InvalidLicenseException, nothing of the
   * call is effective [SKILL]) or `perRecord` (Status CustomerNotSubscribed). Licenses of several products are InvalidLicenseException
   * under both.
   * Default `wholeBatch`.
   */
  badLicense: 'wholeBatch' | 'perRecord';
  /**
   * A CustomerIdentifier nobody has: `perRecord` (Status CustomerNotSubscribed [SDK-M, UsageRecordResult]) or `wholeBatch`
   * (InvalidCustomerIdentifierException [SDK-M, exception list]).
   * Default `perRecord`.
   */
  unknownCustomerIdentifier: 'perRecord' | 'wholeBatch';
  /**
   * ProductCode together with a LicenseArn: `refused` [RH-6539] with the error named by `constraintError`, or `doubleBilled`: metered under
   * both identities, two lines on the bill [SDK-M].
   * Default `refused`.
   */
  productCodeWithLicenseArn: 'refused' | 'doubleBilled';
  /**
   * CustomerAWSAccountId beside a LicenseArn: `required` [SDK-M, ResolveCustomer] or `optional` [BOTO].
   * Default `required`.
   */
  accountIdBesideLicenseArn: 'required' | 'optional';
  /**
   * At most 5 tag keys: distinct keys `perRecord` [seller guide] or tags `perAllocation` [BOTO].
   * Default `perRecord`.
   */
  tagLimit: 'perRecord' | 'perAllocation';
  /** Order of Results; AWS is silent. `shuffled` draws from the seed. Default `request`. */
  resultOrder: 'request' | 'reversed' | 'shuffled';
  /**
   * The error for a violated length, range, pattern, list size or body size, and for a missing field or identity. The model lists none
   * for BatchMeterUsage and ResolveCustomer. GetEntitlements has its own, InvalidParameterException [BOTO].
   * Default `ValidationException`.
   */
  constraintError: string;
  /**
   * Lifetime of a registration token in milliseconds of the simulator's clock, > 0. Four hours [SG-setup, SKILL]; "approximately one hour"
   * stands on the same page.
   * Default 14400000.
   */
  registrationTokenLifetimeMs: number;
  /**
   * A registration token resolved before: the same answer `untilExpiry` [SG-setup], or ExpiredTokenException after the first (`once`) [SDK-M].
   * Default `untilExpiry`.
   */
  registrationTokenReuse: 'untilExpiry' | 'once';
  /**
   * Whether ResolveCustomer also names a LicenseArn for a legacy product. AWS does since 2026; older answers had none.
   * Default `present`.
   */
  legacyLicenseArn: 'present' | 'absent';
  /**
   * GetEntitlements: an empty page with a NextToken before each page with content (`before`), or none. Clients must go on until no token
   * comes [client-marketplace-entitlement-service].
   * Default `none`.
   */
  emptyEntitlementPages: 'none' | 'before';
}

export const defaultSwitches: Readonly<Switches> = {
  identicalResend: 'success',
  otherAllocations: 'identical',
  duplicateMeteringRecordId: 'absent',
  lateWindowHours: 24,
  lateWindowFrom: 'now',
  monthEndGrace: 'capOnly',
  futureSkewMs: 300_000,
  usageBeforeStart: 'TimestampOutOfBoundsException',
  usageAfterEnd: 'InvalidLicenseException',
  finalHour: 'accepted',
  badLicense: 'wholeBatch',
  unknownCustomerIdentifier: 'perRecord',
  productCodeWithLicenseArn: 'refused',
  accountIdBesideLicenseArn: 'required',
  tagLimit: 'perRecord',
  resultOrder: 'request',
  constraintError: 'ValidationException',
  registrationTokenLifetimeMs: 4 * 3_600_000,
  registrationTokenReuse: 'untilExpiry',
  legacyLicenseArn: 'present',
  emptyEntitlementPages: 'none',
};
