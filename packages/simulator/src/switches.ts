import { type AgreementSwitches, agreementSwitchValues } from './switches/agreement-switches.js';
import { type MessageSwitches, messageSwitchValues } from './switches/message-switches.js';
import { type MeteringSwitches, meteringSwitchValues } from './switches/metering-switches.js';
import { type RegistrationSwitches, registrationSwitchValues } from './switches/registration-switches.js';
import { type SoftwareSwitches, softwareSwitchValues } from './switches/software-switches.js';
import { type TrailSwitches, trailSwitchValues } from './switches/trail-switches.js';
import { type ValuesOf } from './switches/values-of.js';

/**
 * Where AWS's own texts conflict or are silent, the simulator plays either reading. One switch per open question.
 *
 * The defaults follow AWS's API model and reference where they speak, and the stricter reading where they are silent or
 * contradict themselves: what works under the defaults should work under the lenient readings too.
 *
 * Sources: SDK-M = comments in `@aws-sdk/client-marketplace-metering` 3.1138.0; BOTO = botocore 1.43.107 service model;
 * SMITHY25 = the Smithy model of April 2025; API-BMU = API reference of BatchMeterUsage; SG-setup = seller guide, "SaaS
 * product customer setup"; SG23 = seller guide of January 2023; SKILL = the metering skill in
 * aws/agent-toolkit-for-aws; RH-n = pull request n of RedHatInsights/rhsm-subscriptions, a production seller; SG-eb,
 * SG-evt and SG-sns = seller guide, "Managing SaaS subscription events with Amazon EventBridge", "Amazon EventBridge
 * events" and "Amazon SNS notifications for SaaS products"; SDK-A = comments in `@aws-sdk/client-marketplace-agreement`
 * 3.1164.0; LARA = the integration guide of laravel-aws-marketplace; SEEN = events of a live listing of August 2026,
 * kept in a public repository.
 */
export type Switches = MeteringSwitches &
  RegistrationSwitches &
  SoftwareSwitches &
  TrailSwitches &
  AgreementSwitches &
  MessageSwitches;

/** For every switch the values worth testing, the default first. */
export const switchValues: ValuesOf<Switches> = {
  ...meteringSwitchValues,
  ...registrationSwitchValues,
  ...softwareSwitchValues,
  ...trailSwitchValues,
  ...agreementSwitchValues,
  ...messageSwitchValues,
};

export const defaultSwitches = Object.fromEntries(
  Object.entries(switchValues).map(([name, [first]]) => [name, first]),
) as unknown as Readonly<Switches>;

export type PresetName = 'strict' | 'lenient' | 'chaos';

/**
 * Whole sets of readings. `strict`: the defaults. `lenient`: wherever AWS might let more pass or say more, it does.
 * `chaos`: each question answered so that it hurts most, without what no client could ever notice (`unknownDimension:
 * dropped`).
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
    meterUsageFrom: 'agreement',
    dryRunAnswer: 'namedId',
    agentCoreTags: 'ignored',
    signatureClaims: 'lowerCamel',
    publicKeyBits: 2048,
    eksRegions: 'all',
    cloudTrailDelayMs: 0,
    finalHourOpenedBy: 'deprovisioned',
    renewalLicense: 'sameLicense',
    replacementLicense: 'sameLicense',
    resoldAgreement: 'answered',
    getAgreementTermsPerSecond: 10,
    eventLicenseArn: 'api',
    previousAgreementInEvents: 'renewalsAndReplacements',
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
    entitlementChangesAfterMs: 60_000,
    entitlementsAwayAtRenewalMs: 180_000,
    entitlementExpiration: 'absent',
    emptyEntitlements: 'absent',
    meterUsageWindowHours: 1,
    entitlementCheck: 'everyCall',
    dryRunAnswer: 'noId',
    dryRunRefusal: 'AccessDeniedException',
    dryRunChecks: 'everything',
    newClientToken: 'anotherRecord',
    unsupportedCredentials: 'AccessDeniedException',
    signatureClaims: 'lowerCamel',
    publicKeyVersionClaim: 'text',
    registerUsageErrors: 'prose',
    cloudTrailEventSource: 'marketplacemetering.amazonaws.com',
    cloudTrailDelaySpreadMs: 3_600_000,
    cloudTrailAccountId: 'customerAWSAccountID',
    cloudTrailLicenseArn: 'LicenseArn',
    cloudTrailTimestamps: 'narrowSpace',
    cloudTrailErrors: 'inside',
    cloudTrailOmittedAs: 'null',
    cloudTrailUnknownMembers: 'added',
    cloudTrailPageMax: 7,
    cloudTrailTokenLifetimeMs: 60_000,
    deprovisionedAfterMs: 300_000,
    trialConversion: 'newLicense',
    futureCreated: 'signing',
    futureLicenseUpdated: 'signing',
    initialEventsOrder: 'licenseFirst',
    endedOfFollowed: 'notSent',
    renewedFrom: 'signing',
    trialTerms: 'alone',
    convertedTrialTerm: 'kept',
    endedTerms: 'shortened',
    searchIndexDelayMs: 5_000,
    agreementTermsDelayMs: 5_000,
    licenseArnFilter: 'refused',
    resoldAgreement: 'ResourceNotFoundException',
    usageLicenseUpdated: 'notSent',
    licenseEventOfferId: 'bare',
    endedEventOffer: 'absent',
    directResaleAuthorization: 'absent',
    previousAgreementInEvents: 'none',
    eventRequestId: 'shared',
    unknownEventFields: 'added',
    snsSignatureVersion: '2',
  },
};
