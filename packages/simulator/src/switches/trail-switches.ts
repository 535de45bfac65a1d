import { type ValuesOf } from './values-of.js';

/** What CloudTrail writes of the metering service, and how LookupEvents shows it. */
export interface TrailSwitches {
  /**
   * `eventSource` in CloudTrail: as AWS's examples print it [SG23, SKILL], or as the Smithy model has it [SMITHY25].
   */
  cloudTrailEventSource: 'metering-marketplace.amazonaws.com' | 'marketplacemetering.amazonaws.com';
  /**
   * Milliseconds of the simulator's clock, >= 0, until a call shows in CloudTrail. About 15 minutes [SKILL]. Default
   * 900000.
   */
  cloudTrailDelayMs: number;
  /**
   * Milliseconds of the simulator's clock, >= 0: up to so much more, another for each event, so that a later one may
   * show before an earlier one. CloudTrail promises no order and no time. Default 0.
   */
  cloudTrailDelaySpreadMs: number;
  /**
   * The buyer's account in a record: `customerAWSAccountId` [SKILL], `customerAWSAccountID` [example of the developer
   * guide], or `absent`, as in older events. Default `customerAWSAccountId`.
   */
  cloudTrailAccountId: 'customerAWSAccountId' | 'customerAWSAccountID' | 'absent';
  /** Its license: `licenseArn` [SKILL], or `LicenseArn`. No full example is known. Default `licenseArn`. */
  cloudTrailLicenseArn: 'licenseArn' | 'LicenseArn';
  /**
   * Timestamps inside of a record: `Nov 5, 2026 12:00:00 AM` (`english`) [SG23], the same with U+202F before AM
   * (`narrowSpace`) or with a comma after the year (`comma`), as newer Java formats it, ISO 8601 (`iso`), or
   * `epochSeconds`. All without a zone are UTC. Default `english`.
   */
  cloudTrailTimestamps: 'english' | 'narrowSpace' | 'comma' | 'iso' | 'epochSeconds';
  /**
   * Where an error stands: in errorCode and errorMessage of the record (`beside` responseElements, which is null), or
   * `inside` of responseElements, as some services have it [CloudTrail user guide]. Default `beside`.
   */
  cloudTrailErrors: 'beside' | 'inside';
  /**
   * What stands in place of requestParameters or responseElements of more than 100 kB: a `marker`, `{ "omitted": true,
   * … }`, or `null` with `omitted` beside them [CloudTrail user guide, which says that the content is left out, not
   * how]. Default `marker`.
   */
  cloudTrailOmittedAs: 'marker' | 'null';
  /** Members that no text has. AWS adds some over the years. Default `none`. */
  cloudTrailUnknownMembers: 'none' | 'added';
  /** Events that LookupEvents puts on a page at most, 1 to 50: it may answer fewer than asked for. Default 50. */
  cloudTrailPageMax: number;
  /**
   * Milliseconds of the simulator's clock, >= 0, for which a NextToken is good; then InvalidNextTokenException. AWS is
   * silent. Default 3600000.
   */
  cloudTrailTokenLifetimeMs: number;
}

/** The values worth testing, the default first. */
export const trailSwitchValues: ValuesOf<TrailSwitches> = {
  cloudTrailEventSource: ['metering-marketplace.amazonaws.com', 'marketplacemetering.amazonaws.com'],
  cloudTrailDelayMs: [900_000, 0],
  cloudTrailDelaySpreadMs: [0, 3_600_000],
  cloudTrailAccountId: ['customerAWSAccountId', 'customerAWSAccountID', 'absent'],
  cloudTrailLicenseArn: ['licenseArn', 'LicenseArn'],
  cloudTrailTimestamps: ['english', 'narrowSpace', 'comma', 'iso', 'epochSeconds'],
  cloudTrailErrors: ['beside', 'inside'],
  cloudTrailOmittedAs: ['marker', 'null'],
  cloudTrailUnknownMembers: ['none', 'added'],
  cloudTrailPageMax: [50, 7],
  cloudTrailTokenLifetimeMs: [3_600_000, 60_000],
};
