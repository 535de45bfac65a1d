import { meteringRegions } from '../market/listing.js';

/** A service as its clients name it. */
export interface ApiService {
  /** In `X-Amz-Target`, and in the path of RPC v2. */
  readonly name: string;
  /** Other names in `X-Amz-Target`. */
  readonly aliases?: readonly string[];
  /** Of its shapes: stands before the `#` in a namespaced error type. */
  readonly namespace: string;
  /** In the SigV4 credential scope. */
  readonly signingName: string;
  readonly jsonVersion: '1.0' | '1.1';
  /** Regions that have an endpoint. */
  readonly regions: readonly string[];
}

export interface ApiOperation {
  readonly service: ApiService;
  /** Default quota: calls per second of wall time, per account and region; or the switch that says it. */
  readonly callsPerSecond: number | 'getAgreementTermsPerSecond';
  /** Whether only the account that published the products may call it. */
  readonly sellerOnly: boolean;
}

const govCloudRegions = ['us-gov-east-1', 'us-gov-west-1'];

const metering: ApiService = {
  name: 'AWSMPMeteringService',
  namespace: 'com.amazonaws.marketplacemetering',
  signingName: 'aws-marketplace',
  jsonVersion: '1.1',
  regions: [...meteringRegions, ...govCloudRegions],
};

const entitlement: ApiService = {
  name: 'AWSMPEntitlementService',
  namespace: 'com.amazonaws.marketplaceentitlementservice',
  signingName: 'aws-marketplace',
  jsonVersion: '1.1',
  regions: ['us-east-1', 'cn-northwest-1', 'eusc-de-east-1'],
};

const cloudTrail: ApiService = {
  name: 'CloudTrail_20131101',
  // botocore sends the long form, the SDK for JavaScript the short one.
  aliases: ['com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101'],
  namespace: 'com.amazonaws.cloudtrail',
  signingName: 'cloudtrail',
  jsonVersion: '1.1',
  regions: [...meteringRegions, ...govCloudRegions],
};

const agreement: ApiService = {
  name: 'AWSMPCommerceService_v20200301',
  namespace: 'com.amazonaws.marketplaceagreement',
  signingName: 'aws-marketplace',
  jsonVersion: '1.0',
  regions: ['us-east-1'],
};

/**
 * Every operation that the simulator answers. Quotas: developer guide, "Service quotas" of the metering, entitlement
 * and agreement APIs; LookupEvents: SDK-CT; ResolveCustomer has no published one and gets that of BatchMeterUsage.
 */
const table = {
  ResolveCustomer: { service: metering, callsPerSecond: 10, sellerOnly: false },
  BatchMeterUsage: { service: metering, callsPerSecond: 10, sellerOnly: true },
  MeterUsage: { service: metering, callsPerSecond: 10, sellerOnly: false },
  RegisterUsage: { service: metering, callsPerSecond: 5, sellerOnly: false },
  GetEntitlements: { service: entitlement, callsPerSecond: 20, sellerOnly: true },
  LookupEvents: { service: cloudTrail, callsPerSecond: 2, sellerOnly: false },
  SearchAgreements: { service: agreement, callsPerSecond: 5, sellerOnly: false },
  DescribeAgreement: { service: agreement, callsPerSecond: 5, sellerOnly: false },
  GetAgreementTerms: { service: agreement, callsPerSecond: 'getAgreementTermsPerSecond', sellerOnly: false },
} satisfies Record<string, ApiOperation>;

export type Operation = keyof typeof table;

export const apiOperations: Readonly<Record<Operation, ApiOperation>> = table;

export const operations = Object.keys(table) as readonly Operation[];
