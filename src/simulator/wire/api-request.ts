import { type JsonObject } from './input-reader.js';
import { type UsageRecord } from '../operations/usage-record.js';

/** Operations that the simulator answers. */
export const operations = ['ResolveCustomer', 'BatchMeterUsage', 'GetEntitlements'] as const;

export type Operation = (typeof operations)[number];

/** A request that passed the signature check, the call quota and the JSON parser; nothing else of it is checked yet. */
export interface ApiRequest {
  readonly operation: Operation;
  /** From the SigV4 credential scope. */
  readonly region: string;
  /** By the simulator's clock. */
  readonly at: Date;
  /** The request body as received. */
  readonly input: JsonObject;
  /** UsageRecords of a BatchMeterUsage request as received; empty otherwise. */
  readonly records: readonly UsageRecord[];
}
