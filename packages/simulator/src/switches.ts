/**
 * Where AWS's own texts conflict or are silent, the simulator plays either reading. One switch per open question.
 *
 * The defaults follow AWS's API model and reference where they speak, and the stricter reading where they are silent or contradict
 * themselves: what works under the defaults should work under the lenient readings too.
 *
 * Sources: SDK-M = comments in `@aws-sdk/client-marketplace-metering` 3.1138.0; BOTO = botocore 1.43.107 service model; SMITHY25 = the Smithy
 * model of April 2025; API-BMU = API reference of BatchMeterUsage; SG-setup = seller guide, "SaaS product customer setup"; SG23 = seller guide
 * of January 2023; SKILL = the metering skill in aws/agent-toolkit-for-aws; RH-n = pull request n of RedHatInsights/rhsm-subscriptions, a
 * production seller; SG-eb, SG-evt and SG-sns = seller guide, "Managing SaaS subscription events with Amazon EventBridge", "Amazon EventBridge
 * events" and "Amazon SNS notifications for SaaS products"; SDK-A = comments in `@aws-sdk/client-marketplace-agreement` 3.1164.0; LARA = the
 * integration guide of laravel-aws-marketplace; SEEN = events of a live listing of August 2026, kept in a public repository.
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
   * MeteringRecordId of a CustomerNotSubscribed result. AWS is silent: `absent`, or `present`: an id under which nothing is billed.
   * Default `absent`.
   */
  notSubscribedMeteringRecordId: 'absent' | 'present';
  /**
   * Two records of one grain in one request. AWS is silent: `judged` in request order, as if they came in two requests, or the request is
   * `refused` with the error named by `constraintError`.
   * Default `judged`.
   */
  duplicateInRequest: 'judged' | 'refused';
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
   * Which moment of a record its age is that of: the `timestamp` [SDK-M], or the start of the UTC hour it lies in (`hourStart`, the stricter)
   * [SKILL, its own validator].
   * Default `timestamp`.
   */
  recordAge: 'timestamp' | 'hourStart';
  /**
   * Usage of a month is refused from 06:00 UTC on the 1st of the next, whatever its age [SDK-M]. Whether the time until then also
   * overrides `lateWindowHours` is open: `capOnly` (no), or `extends` (usage of the previous month is taken until 06:00 at any age).
   * Default `capOnly`.
   */
  monthEndGrace: 'capOnly' | 'extends';
  /** How far in the future a timestamp may lie, in milliseconds, >= 0. That future usage is refused: SKILL; the tolerance: silent. Default 300000. */
  futureSkewMs: number;
  /**
   * The answer to usage before the agreement started [SDK-M says it is refused, not how]: an error for the whole batch, or Status
   * `CustomerNotSubscribed` [SKILL, for usage sent before the start].
   * Default `TimestampOutOfBoundsException`.
   */
  usageBeforeStart: 'TimestampOutOfBoundsException' | 'InvalidLicenseException' | 'CustomerNotSubscribed';
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
   * A dimension that the product does not meter: `InvalidUsageDimensionException` for the whole batch [SDK-M, SKILL], or `dropped`: Success,
   * and never billed [SKILL/query-patterns]. No client can tell; only the bill does.
   * Default `InvalidUsageDimensionException`.
   */
  unknownDimension: 'InvalidUsageDimensionException' | 'dropped';
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
  /** A tag with an empty Value: `refused` [BOTO: at least one character] or `accepted` [SDK-M: "can be empty or null"]. Default `refused`. */
  emptyTagValue: 'refused' | 'accepted';
  /**
   * Characters of tags. The model's pattern holds ` -=`, which is a `range` (0x20 to 0x3D, so `!` and `,` too) to a regular expression engine
   * [BOTO]; the guide lists the characters one by one (`literal`: letters, digits, space and `+ - = . _ : / @`) [SG23].
   * Default `range`.
   */
  tagCharacters: 'range' | 'literal';
  /** Order of Results; AWS is silent. `shuffled` draws from the seed. Default `request`. */
  resultOrder: 'request' | 'reversed' | 'shuffled';
  /**
   * The error for a violated length, range, pattern, list size or body size, and for a missing field or identity. The model lists none
   * for BatchMeterUsage and ResolveCustomer. GetEntitlements has its own, InvalidParameterException [BOTO].
   * Default `ValidationException`.
   */
  constraintError: string;
  /**
   * Bytes that a request body must stay below: "1 MB" [API-BMU], 10^6 or 2^20.
   * Default 1000000.
   */
  bodyLimitBytes: number;
  /** `__type` of an error: the `bare` name, or `namespaced` (`com.amazonaws.marketplacemetering#ThrottlingException`); AWS sends both. Default `bare`. */
  errorType: 'bare' | 'namespaced';
  /**
   * Where BatchMeterUsage is on for a product created without `regions`: in `all` regions that have the API [SKILL], or in `us-east-1` only
   * [SG23]. Read when the product is created.
   * Default `all`.
   */
  defaultRegions: 'all' | 'us-east-1';
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
   * Fields that the buyer's browser posts to the registration page: the `documented` ones [SG-setup], or `extended` by the ids of agreement and
   * product, as sellers' code has seen them.
   * Default `documented`.
   */
  registrationFormFields: 'documented' | 'extended';
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
  /**
   * Milliseconds of the simulator's clock, >= 0, until GetEntitlements shows a new agreement. The skill warns of an empty answer during the
   * registration [SKILL/troubleshooting]; the seller guide has the call made there.
   * Default 0.
   */
  entitlementsAfterMs: number;
  /** MeterUsage: how old usage may be, in hours, > 0. 6 [SDK-M]; 1 [SG23, comments in samples]. Default 6. */
  meterUsageWindowHours: number;
  /**
   * MeterUsage in a container of a buyer who has unsubscribed: taken and billed once the `firstCall` succeeded, while the container runs [SG23],
   * or CustomerNotEntitledException at `everyCall` [SDK-M, by the error's description]. RegisterUsage: always `firstCall` [SDK-M].
   * Default `firstCall`.
   */
  entitlementCheck: 'firstCall' | 'everyCall';
  /**
   * The error for MeterUsage and RegisterUsage signed with anything but the role of the workload (long-term keys, node role, EKS Pod Identity).
   * That they do not work: SDK-M; how: silent.
   * Default `CustomerNotEntitledException`.
   */
  unsupportedCredentials: 'CustomerNotEntitledException' | 'AccessDeniedException';
  /**
   * RegisterUsage: whether an hourly container is billed from its `launch` (where it registered within six hours; else at most from the start
   * of the month), as the six-hour rule suggests [SDK-M], or from its `registration`.
   * Default `launch`.
   */
  containerTimeFrom: 'launch' | 'registration';
  /** `eventSource` in CloudTrail: as AWS's examples print it [SG23, SKILL], or as the Smithy model has it [SMITHY25]. */
  cloudTrailEventSource: 'metering-marketplace.amazonaws.com' | 'marketplacemetering.amazonaws.com';
  /** Milliseconds of the simulator's clock, >= 0, until a call shows in CloudTrail. About 15 minutes [SKILL]. Default 900000. */
  cloudTrailDelayMs: number;
  /**
   * The hour for final usage. `ended`: it runs from Purchase Agreement Ended, and License Deprovisioned comes within minutes (the strictest
   * mixture of the texts). `deprovisioned`: License Deprovisioned comes as soon and opens it [SG-eb, current text; SKILL].
   * `endedUntilDeprovisioned`: Ended opens it, and License Deprovisioned closes it an hour later [SG-eb, earlier text].
   * Default `ended`.
   */
  finalHourOpenedBy: 'ended' | 'deprovisioned' | 'endedUntilDeprovisioned';
  /** Milliseconds of the simulator's clock, >= 0, from the end to License Deprovisioned. 31 seconds [SEEN]; seconds to minutes. Default 30000. */
  deprovisionedAfterMs: number;
  /**
   * A renewal makes a new agreement [SG-evt, SDK-A] with a `newLicense` [LARA] or with the `sameLicense`, or only prolongs the `sameAgreement`
   * and announces License Updated alone [SKILL/troubleshooting].
   * Default `newLicense`.
   */
  renewalLicense: 'newLicense' | 'sameLicense' | 'sameAgreement';
  /** License of an agreement that replaces another. AWS is silent. Default `newLicense`. */
  replacementLicense: 'newLicense' | 'sameLicense';
  /**
   * What becomes of a free trial that is converted. AWS is silent; that "the same calls bill" afterwards [SKILL] suggests the `sameAgreement`.
   * The others are a new agreement. Default `sameAgreement`.
   */
  trialConversion: 'sameAgreement' | 'sameLicense' | 'newLicense';
  /** Whether License Updated comes for a product without entitlements, too. AWS is silent. Default `sent`. */
  usageLicenseUpdated: 'sent' | 'notSent';
  /**
   * LicenseArn in events: as the guide prints it, `aws:license-manager:us-east-1:<owner>:l-<id>` (`documented`, which the metering API refuses)
   * [SG-evt], or as the `api` has it [SEEN].
   * Default `documented`.
   */
  eventLicenseArn: 'documented' | 'api';
  /** Offer id in license events: `prefixed` with `offer-` as everywhere [SEEN], or `bare` [SG-evt, license examples]. Default `prefixed`. */
  licenseEventOfferId: 'prefixed' | 'bare';
  /** Whether Purchase Agreement Ended names the offer: `present` [SG-evt] or `absent` [SEEN]. Default `present`. */
  endedEventOffer: 'present' | 'absent';
  /** `endTime` in events of an agreement without an end: `year9999`, which stands for 9999-01-01T00:00:00Z [SEEN], or `absent`. Default `year9999`. */
  openEndInEvents: 'year9999' | 'absent';
  /** `resaleAuthorization` in events of a direct offer: `{ "id": null }` (`nullId`) [SG-evt, SEEN], or `absent` [SG-eb]. Default `nullId`. */
  directResaleAuthorization: 'nullId' | 'absent';
  /** `requestId` in events of one transaction: another `perEvent` [SEEN], or `shared`. AWS is silent. Default `perEvent`. */
  eventRequestId: 'perEvent' | 'shared';
  /** Members in events that no text has. AWS adds some over the years. Default `none`. */
  unknownEventFields: 'none' | 'added';
  /** SignatureVersion of SNS messages: `1` (SHA1withRSA) or `2` (SHA256withRSA). The owner of the topic chooses. Default `1`, the default of SNS. */
  snsSignatureVersion: '1' | '2';
}

/** For every switch the values worth testing, the default first. */
export const switchValues: { readonly [Name in keyof Switches]: readonly [Switches[Name], ...Switches[Name][]] } = {
  identicalResend: ['success', 'duplicateRecord'],
  otherAllocations: ['identical', 'duplicateRecord'],
  duplicateMeteringRecordId: ['absent', 'original'],
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
  registrationTokenLifetimeMs: [4 * 3_600_000, 3_600_000],
  registrationTokenReuse: ['untilExpiry', 'once'],
  registrationFormFields: ['documented', 'extended'],
  legacyLicenseArn: ['present', 'absent'],
  emptyEntitlementPages: ['none', 'before'],
  entitlementsAfterMs: [0, 60_000],
  meterUsageWindowHours: [6, 1],
  entitlementCheck: ['firstCall', 'everyCall'],
  unsupportedCredentials: ['CustomerNotEntitledException', 'AccessDeniedException'],
  containerTimeFrom: ['launch', 'registration'],
  cloudTrailEventSource: ['metering-marketplace.amazonaws.com', 'marketplacemetering.amazonaws.com'],
  cloudTrailDelayMs: [900_000, 0],
  finalHourOpenedBy: ['ended', 'deprovisioned', 'endedUntilDeprovisioned'],
  deprovisionedAfterMs: [30_000, 300_000],
  renewalLicense: ['newLicense', 'sameLicense', 'sameAgreement'],
  replacementLicense: ['newLicense', 'sameLicense'],
  trialConversion: ['sameAgreement', 'sameLicense', 'newLicense'],
  usageLicenseUpdated: ['sent', 'notSent'],
  eventLicenseArn: ['documented', 'api'],
  licenseEventOfferId: ['prefixed', 'bare'],
  endedEventOffer: ['present', 'absent'],
  openEndInEvents: ['year9999', 'absent'],
  directResaleAuthorization: ['nullId', 'absent'],
  eventRequestId: ['perEvent', 'shared'],
  unknownEventFields: ['none', 'added'],
  snsSignatureVersion: ['1', '2'],
};

export const defaultSwitches = Object.fromEntries(
  Object.entries(switchValues).map(([name, [first]]) => [name, first]),
) as unknown as Readonly<Switches>;

export type PresetName = 'strict' | 'lenient' | 'chaos';

/**
 * Whole sets of readings. `strict`: the defaults. `lenient`: wherever AWS might let more pass or say more, it does. `chaos`: each question
 * answered so that it hurts most, without what no client could ever notice (`unknownDimension: dropped`).
 */
export const presets: Readonly<Record<PresetName, Readonly<Switches>>> = {
  strict: defaultSwitches,
  lenient: {
    ...defaultSwitches,
    duplicateMeteringRecordId: 'original',
    lateWindowFrom: 'currentHour',
    monthEndGrace: 'extends',
    usageBeforeStart: 'CustomerNotSubscribed',
    usageAfterEnd: 'CustomerNotSubscribed',
    badLicense: 'perRecord',
    accountIdBesideLicenseArn: 'optional',
    tagLimit: 'perAllocation',
    emptyTagValue: 'accepted',
    bodyLimitBytes: 1_048_576,
    cloudTrailDelayMs: 0,
    finalHourOpenedBy: 'deprovisioned',
    renewalLicense: 'sameLicense',
    replacementLicense: 'sameLicense',
    eventLicenseArn: 'api',
  },
  chaos: {
    ...defaultSwitches,
    identicalResend: 'duplicateRecord',
    otherAllocations: 'duplicateRecord',
    notSubscribedMeteringRecordId: 'present',
    duplicateInRequest: 'refused',
    lateWindowHours: 6,
    recordAge: 'hourStart',
    futureSkewMs: 0,
    usageBeforeStart: 'InvalidLicenseException',
    finalHour: 'refused',
    unknownCustomerIdentifier: 'wholeBatch',
    productCodeWithLicenseArn: 'doubleBilled',
    tagCharacters: 'literal',
    resultOrder: 'shuffled',
    constraintError: 'InvalidParameterException',
    errorType: 'namespaced',
    defaultRegions: 'us-east-1',
    registrationTokenLifetimeMs: 3_600_000,
    registrationTokenReuse: 'once',
    registrationFormFields: 'extended',
    legacyLicenseArn: 'absent',
    emptyEntitlementPages: 'before',
    entitlementsAfterMs: 60_000,
    meterUsageWindowHours: 1,
    entitlementCheck: 'everyCall',
    unsupportedCredentials: 'AccessDeniedException',
    cloudTrailEventSource: 'marketplacemetering.amazonaws.com',
    deprovisionedAfterMs: 300_000,
    trialConversion: 'newLicense',
    usageLicenseUpdated: 'notSent',
    licenseEventOfferId: 'bare',
    endedEventOffer: 'absent',
    directResaleAuthorization: 'absent',
    eventRequestId: 'shared',
    unknownEventFields: 'added',
    snsSignatureVersion: '2',
  },
};
