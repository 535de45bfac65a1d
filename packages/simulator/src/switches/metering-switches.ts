import { type ValuesOf } from './values-of.js';

/** How BatchMeterUsage judges, and what the wire looks like. */
export interface MeteringSwitches {
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
   * MeteringRecordId of the Success of an identical resend. AWS is silent: the `original` record's, or a `new` one under
   * which nothing is billed. Default `original`.
   */
  resentMeteringRecordId: 'original' | 'new';
  /**
   * MeteringRecordId of a CustomerNotSubscribed result. AWS is silent: `absent`, or `present`: an id under which
   * nothing is billed. Default `absent`.
   */
  notSubscribedMeteringRecordId: 'absent' | 'present';
  /**
   * Two records of one grain in one request. AWS is silent: `judged` in request order, as if they came in two requests,
   * or the request is `refused` with the error named by `constraintError`. Default `judged`.
   */
  duplicateInRequest: 'judged' | 'refused';
  /**
   * How old usage may be, in hours, > 0. A record of exactly this age is refused. 24 [SDK-M, late 2026]; 6 and 1 stand
   * in older texts. Default 24.
   */
  lateWindowHours: number;
  /**
   * What `lateWindowHours` is measured back from: `now`, or the start of the current UTC hour (`currentHour`, the more
   * lenient) [RH-2641]. Default `now`.
   */
  lateWindowFrom: 'now' | 'currentHour';
  /**
   * Which moment of a record its age is that of: the `timestamp` [SDK-M], or the start of the UTC hour it lies in
   * (`hourStart`, the stricter) [SKILL, its own validator]. Default `timestamp`.
   */
  recordAge: 'timestamp' | 'hourStart';
  /**
   * Usage of a month is refused from 06:00 UTC on the 1st of the next, whatever its age [SDK-M]. Whether the time until
   * then also overrides `lateWindowHours` is open: `capOnly` (no), or `extends` (usage of the previous month is taken
   * until 06:00 at any age). Default `capOnly`.
   */
  monthEndGrace: 'capOnly' | 'extends';
  /**
   * How far in the future a timestamp may lie, in milliseconds, >= 0. That future usage is refused: SKILL; the
   * tolerance: silent. Default 300000.
   */
  futureSkewMs: number;
  /**
   * The answer to usage before the agreement started [SDK-M says it is refused, not how]: an error for the whole batch,
   * or Status `CustomerNotSubscribed` [SKILL, for usage sent before the start]. Default
   * `TimestampOutOfBoundsException`.
   */
  usageBeforeStart: 'TimestampOutOfBoundsException' | 'InvalidLicenseException' | 'CustomerNotSubscribed';
  /**
   * License identity, within the final hour: a timestamp at or after the end of the agreement.
   * `InvalidLicenseException` (outside the license's active period [SDK-M]) or Status `CustomerNotSubscribed`. Legacy
   * identity always answers the latter. Default `InvalidLicenseException`.
   */
  usageAfterEnd: 'InvalidLicenseException' | 'CustomerNotSubscribed';
  /**
   * Usage sent within one hour after the end of the agreement: `accepted` [seller guide, "about one hour to send final
   * usage"], or `refused` with CustomerNotSubscribed at once [SKILL/troubleshooting]. Default `accepted`.
   */
  finalHour: 'accepted' | 'refused';
  /**
   * One LicenseArn that is unknown, of another customer, or used outside its term: `wholeBatch`
   * (InvalidLicenseException, nothing of the call is effective [SKILL]) or `perRecord` (Status CustomerNotSubscribed).
   * Licenses of several products are InvalidLicenseException under both. Default `wholeBatch`.
   */
  badLicense: 'wholeBatch' | 'perRecord';
  /**
   * A CustomerIdentifier nobody has: `perRecord` (Status CustomerNotSubscribed [SDK-M, UsageRecordResult]) or
   * `wholeBatch` (InvalidCustomerIdentifierException [SDK-M, exception list]). Default `perRecord`.
   */
  unknownCustomerIdentifier: 'perRecord' | 'wholeBatch';
  /**
   * A dimension that the product does not meter: `InvalidUsageDimensionException` for the whole batch [SDK-M, SKILL],
   * or `dropped`: Success, and never billed [SKILL/query-patterns]. No client can tell; only the bill does. Default
   * `InvalidUsageDimensionException`.
   */
  unknownDimension: 'InvalidUsageDimensionException' | 'dropped';
  /**
   * ProductCode together with a LicenseArn: `refused` [RH-6539] with the error named by `constraintError`, or
   * `doubleBilled`: metered under both identities, two lines on the bill [SDK-M]. Default `refused`.
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
  /**
   * A tag with an empty Value: `refused` [BOTO: at least one character] or `accepted` [SDK-M: "can be empty or null"].
   * Default `refused`.
   */
  emptyTagValue: 'refused' | 'accepted';
  /**
   * Characters of tags. The model's pattern holds ` -=`, which is a `range` (0x20 to 0x3D, so `!` and `,` too) to a
   * regular expression engine [BOTO]; the guide lists the characters one by one (`literal`: letters, digits, space and
   * `+ - = . _ : / @`) [SG23]. Default `range`.
   */
  tagCharacters: 'range' | 'literal';
  /** Order of Results; AWS is silent. `shuffled` draws from the seed. Default `request`. */
  resultOrder: 'request' | 'reversed' | 'shuffled';
  /**
   * The error for a violated length, range, pattern, list size or body size, and for a missing field or identity. The
   * model lists none for BatchMeterUsage and ResolveCustomer. GetEntitlements has its own, InvalidParameterException
   * [BOTO]. Default `ValidationException`.
   */
  constraintError: string;
  /**
   * Bytes that a request body must stay below: "1 MB" [API-BMU], 10^6 or 2^20.
   * Default 1000000.
   */
  bodyLimitBytes: number;
  /**
   * `__type` of an error: the `bare` name, or `namespaced` (`com.amazonaws.marketplacemetering#ThrottlingException`);
   * AWS sends both. Default `bare`.
   */
  errorType: 'bare' | 'namespaced';
  /**
   * Where BatchMeterUsage is on for a product created without `regions`: in `all` regions that have the API [SKILL], or
   * in `us-east-1` only [SG23]. Read when the product is created. Default `all`.
   */
  defaultRegions: 'all' | 'us-east-1';
}

/** The values worth testing, the default first. */
export const meteringSwitchValues: ValuesOf<MeteringSwitches> = {
  identicalResend: ['success', 'duplicateRecord'],
  otherAllocations: ['identical', 'duplicateRecord'],
  duplicateMeteringRecordId: ['absent', 'original'],
  resentMeteringRecordId: ['original', 'new'],
  notSubscribedMeteringRecordId: ['absent', 'present'],
  duplicateInRequest: ['judged', 'refused'],
  lateWindowHours: [24, 6],
  lateWindowFrom: ['now', 'currentHour'],
  recordAge: ['timestamp', 'hourStart'],
  monthEndGrace: ['capOnly', 'extends'],
  futureSkewMs: [300_000, 0],
  usageBeforeStart: ['TimestampOutOfBoundsException', 'InvalidLicenseException', 'CustomerNotSubscribed'],
  usageAfterEnd: ['InvalidLicenseException', 'CustomerNotSubscribed'],
  finalHour: ['accepted', 'refused'],
  badLicense: ['wholeBatch', 'perRecord'],
  unknownCustomerIdentifier: ['perRecord', 'wholeBatch'],
  unknownDimension: ['InvalidUsageDimensionException', 'dropped'],
  productCodeWithLicenseArn: ['refused', 'doubleBilled'],
  accountIdBesideLicenseArn: ['required', 'optional'],
  tagLimit: ['perRecord', 'perAllocation'],
  emptyTagValue: ['refused', 'accepted'],
  tagCharacters: ['range', 'literal'],
  resultOrder: ['request', 'reversed', 'shuffled'],
  constraintError: ['ValidationException', 'InvalidParameterException'],
  bodyLimitBytes: [1_000_000, 1_048_576],
  errorType: ['bare', 'namespaced'],
  defaultRegions: ['all', 'us-east-1'],
};
