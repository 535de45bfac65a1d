import { type ValuesOf } from './values-of.js';

/** AMI and container software: MeterUsage and RegisterUsage. */
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
   * MeterUsage: from when on usage is taken. "The start of the software use" [SDK-M] is the start of the instance, task
   * or pod (`launch`; a successor cannot date back), or that of the buyer's `agreement`. Default `launch`.
   */
  meterUsageFrom: 'launch' | 'agreement';
  /**
   * MeterUsage with DryRun by who may call it: the error DryRunOperation [SDK-M; its HTTP status, here 400, is silent],
   * or HTTP 200 with `DryRunOperation` as its MeteringRecordId (`namedId`, what a live integration checks), with another
   * id (`otherId`), or without any (`noId`). Default `DryRunOperation`.
   */
  dryRunAnswer: 'DryRunOperation' | 'namedId' | 'otherId' | 'noId';
  /**
   * The error for MeterUsage with DryRun by who may not call it: by DryRun's own text [SDK-M], or as IAM says it
   * elsewhere. Default `UnauthorizedException`.
   */
  dryRunRefusal: 'UnauthorizedException' | 'AccessDeniedException';
  /**
   * What DryRun checks: `permissions` alone [SDK-M], or `everything`, region, product, dimension, time and subscription
   * too [seller guide, where it is the check of entitlement at the start of a container]. Default `permissions`.
   */
  dryRunChecks: 'permissions' | 'everything';
  /**
   * MeterUsage outside of AgentCore, in an hour and dimension that have a record, with a ClientToken that is new. One
   * record per hour all the same (`hourRule`) [SDK-M, its text knows no exception], or `anotherRecord` that is billed
   * besides. AWS is silent. Default `hourRule`.
   */
  newClientToken: 'hourRule' | 'anotherRecord';
  /**
   * Tagged usage on AgentCore, which is unsupported [seller guide; how: silent]: refused, or taken with its tags
   * `ignored`. Default `InvalidTagException`.
   */
  agentCoreTags: 'InvalidTagException' | 'ignored';
  /**
   * Where software on EKS can meter: in the 17 regions that are `listed` [SDK-M], or, as the list grows, in `all` that
   * have the API. Default `listed`.
   */
  eksRegions: 'listed' | 'all';
  /**
   * The error for MeterUsage and RegisterUsage signed with anything but the role of the workload (long-term keys, node
   * role, EKS Pod Identity). That they do not work: SDK-M; how: silent. PlatformNotSupportedException was seen from
   * RegisterUsage by the role of a node; MeterUsage, which has no such error, then answers AccessDeniedException. Default
   * `CustomerNotEntitledException`.
   */
  unsupportedCredentials: 'CustomerNotEntitledException' | 'AccessDeniedException' | 'PlatformNotSupportedException';
  /**
   * RegisterUsage: whether an hourly container is billed from its `launch` (where it registered within six hours; else
   * at most from the start of the month), as the six-hour rule suggests [SDK-M], or from its `registration`. Default
   * `launch`.
   */
  containerTimeFrom: 'launch' | 'registration';
  /**
   * Members of the JWT that RegisterUsage answers: `ProductCode`, `PublicKeyVersion`, `Nonce` (`upperCamel`) [SDK-M], or
   * `productCode`, `publicKeyVersion`, `nonce` (`lowerCamel`), as AWS's sample and live integrations read them. Default
   * `upperCamel`.
   */
  signatureClaims: 'upperCamel' | 'lowerCamel';
  /** The version of the key in it. AWS is silent. Default `number`. */
  publicKeyVersionClaim: 'number' | 'text';
  /** Bits of a new key of a product: live ones have 3072; older ones 2048. Default 3072. */
  publicKeyBits: number;
  /**
   * Names of RegisterUsage's errors: those of the `model`, or those of the `prose` [seller guide], which has
   * CustomerNotSubscribedException and InvalidPublicKeyException. Default `model`.
   */
  registerUsageErrors: 'model' | 'prose';
}

/** The values worth testing, the default first. */
export const softwareSwitchValues: ValuesOf<SoftwareSwitches> = {
  meterUsageWindowHours: [6, 1],
  entitlementCheck: ['firstCall', 'everyCall'],
  meterUsageFrom: ['launch', 'agreement'],
  dryRunAnswer: ['DryRunOperation', 'namedId', 'otherId', 'noId'],
  dryRunRefusal: ['UnauthorizedException', 'AccessDeniedException'],
  dryRunChecks: ['permissions', 'everything'],
  newClientToken: ['hourRule', 'anotherRecord'],
  agentCoreTags: ['InvalidTagException', 'ignored'],
  eksRegions: ['listed', 'all'],
  unsupportedCredentials: ['CustomerNotEntitledException', 'AccessDeniedException', 'PlatformNotSupportedException'],
  containerTimeFrom: ['launch', 'registration'],
  signatureClaims: ['upperCamel', 'lowerCamel'],
  publicKeyVersionClaim: ['number', 'text'],
  publicKeyBits: [3072, 2048],
  registerUsageErrors: ['model', 'prose'],
};
