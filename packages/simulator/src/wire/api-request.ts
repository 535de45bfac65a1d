import { type Operation } from './api-operation.js';
import { type JsonObject } from './input-reader.js';
import { type UsageRecord } from './usage-record.js';

/** A request that passed the signature check, the call quota and the parser; nothing else of it is checked yet. */
export interface ApiRequest {
  readonly operation: Operation;
  /** From the SigV4 credential scope. */
  readonly region: string;
  /** Whose credentials signed it: the seller's, or a buyer's. */
  readonly accountId: string;
  /** By the simulator's clock. */
  readonly at: Date;
  /** The request body as received; timestamps in epoch seconds. */
  readonly input: JsonObject;
  /** UsageRecords of a BatchMeterUsage request as received; empty otherwise. */
  readonly records: readonly UsageRecord[];
  /** What the request is about: its ProductCode, and the products of its records' licenses. */
  readonly productCodes: readonly string[];
}
