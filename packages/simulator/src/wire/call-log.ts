import { type Operation } from './api-operation.js';
import { type FaultKind } from './fault.js';
import { type JsonObject } from './input-reader.js';

/** One call as the simulator saw it. */
export interface ApiCall {
  /** The x-amzn-RequestId of the answer. */
  readonly requestId: string;
  /** Its id in CloudTrail. */
  readonly eventId: string;
  /** The operation of X-Amz-Target, or the header as sent where the simulator does not know it. */
  readonly operation: Operation | (string & {});
  /** When it arrived, by the simulator's clock. */
  readonly at: Date;
  /** When it arrived, by wall time. */
  readonly wallAt: Date;
  /** From the credential scope; absent if the signature was refused. */
  readonly region?: string;
  /** Absent if the signature was refused. */
  readonly accessKeyId?: string;
  /** Whose credentials signed it: the seller's account, or a buyer's; absent if they were refused. */
  readonly accountId?: string;
  /** Who they are: a user, or the session of a role. Absent as `accountId` is. */
  readonly callerArn?: string;
  readonly userAgent: string;
  /** The body; absent if it was not a JSON object or was never looked at. */
  readonly request?: JsonObject;
  /** Number of UsageRecords in the request; 0 for other operations. */
  readonly records: number;
  /**
   * How it went for the client: `reset` and `hung` calls have no status code, a `cut` one broke off in the middle of
   * the answer.
   */
  readonly outcome: 'inFlight' | 'answered' | 'reset' | 'hung' | 'cut';
  readonly statusCode?: number;
  /** Body of a successful answer, also where a fault kept it from the client. */
  readonly response?: object;
  readonly error?: { readonly name: string; readonly message: string };
  /** Whether the operation took effect, whatever the client was told. */
  readonly effective: boolean;
  /** Faults that struck it, in order. */
  readonly faults: readonly FaultKind[];
}

export interface CallFilter {
  operation?: Operation;
  region?: string;
  /** Calls struck by a fault of this kind. */
  fault?: FaultKind;
  /** Name of the error answered. */
  error?: string;
}

/** Moments as ISO 8601: requests and answers are the client's, and hold what they hold. */
export type CallSnapshot = Omit<ApiCall, 'at' | 'wallAt'> & { readonly at: string; readonly wallAt: string };

/**
 * The latest calls, oldest first. Each entry shows the call as it stands; one still in flight changes until it is
 * answered.
 */
export class CallLog {
  #calls: ApiCall[] = [];

  constructor(private readonly limit: number) {}

  /** Adds a call and returns the function that records what became of it. */
  open(call: ApiCall): (change: Partial<ApiCall>) => void {
    const entry = { ...call };
    this.#calls.push(entry);
    // Dropped in bulk, since shifting a long array at every call would cost more than the call.
    if (this.#calls.length > this.limit * 2) this.#calls = this.#calls.slice(-this.limit);
    return (change) => Object.assign(entry, change);
  }

  snapshot(): readonly CallSnapshot[] {
    return this.calls().map((call) => ({ ...call, at: call.at.toISOString(), wallAt: call.wallAt.toISOString() }));
  }

  /** Calls that were in flight when the snapshot was taken were cut off with the process that had them. */
  restore(snapshot: readonly CallSnapshot[]): void {
    this.#calls = snapshot.map((call) => ({
      ...call,
      at: new Date(call.at),
      wallAt: new Date(call.wallAt),
      outcome: call.outcome === 'inFlight' ? 'reset' : call.outcome,
    }));
  }

  calls(filter: CallFilter = {}): ApiCall[] {
    return this.#calls
      .slice(-this.limit)
      .filter(
        (call) =>
          (filter.operation === undefined || call.operation === filter.operation) &&
          (filter.region === undefined || call.region === filter.region) &&
          (filter.fault === undefined || call.faults.includes(filter.fault)) &&
          (filter.error === undefined || call.error?.name === filter.error),
      )
      .map((call) => ({ ...call }));
  }
}
