import { type ValuesOf } from './values-of.js';

/** AMI and container software, and CloudTrail. */
export interface SoftwareSwitches {
  /** MeterUsage: how old usage may be, in hours, > 0. 6 [SDK-M]; 1 [SG23, comments in samples]. Default 6. */
  meterUsageWindowHours: number;
  /**
   * MeterUsage in a container of a buyer who has unsubscribed: taken and billed once the `firstCall` succeeded, while
   * the container runs [SG23], or CustomerNotEntitledException at `everyCall` [SDK-M, by the error's description].
   * RegisterUsage: always `firstCall` [SDK-M]. Default `firstCall`.
   */
  entitlementCheck: 'firstCall' | 'everyCall';
  /**
   * The error for MeterUsage and RegisterUsage signed with anything but the role of the workload (long-term keys, node
   * role, EKS Pod Identity). That they do not work: SDK-M; how: silent. Default `CustomerNotEntitledException`.
   */
  unsupportedCredentials: 'CustomerNotEntitledException' | 'AccessDeniedException';
  /**
   * RegisterUsage: whether an hourly container is billed from its `launch` (where it registered within six hours; else
   * at most from the start of the month), as the six-hour rule suggests [SDK-M], or from its `registration`. Default
   * `launch`.
   */
  containerTimeFrom: 'launch' | 'registration';
  /**
   * `eventSource` in CloudTrail: as AWS's examples print it [SG23, SKILL], or as the Smithy model has it [SMITHY25].
   */
  cloudTrailEventSource: 'metering-marketplace.amazonaws.com' | 'marketplacemetering.amazonaws.com';
  /**
   * Milliseconds of the simulator's clock, >= 0, until a call shows in CloudTrail. About 15 minutes [SKILL]. Default
   * 900000.
   */
  cloudTrailDelayMs: number;
}

/** The values worth testing, the default first. */
export const softwareSwitchValues: ValuesOf<SoftwareSwitches> = {
  meterUsageWindowHours: [6, 1],
  entitlementCheck: ['firstCall', 'everyCall'],
  unsupportedCredentials: ['CustomerNotEntitledException', 'AccessDeniedException'],
  containerTimeFrom: ['launch', 'registration'],
  cloudTrailEventSource: ['metering-marketplace.amazonaws.com', 'marketplacemetering.amazonaws.com'],
  cloudTrailDelayMs: [900_000, 0],
};
