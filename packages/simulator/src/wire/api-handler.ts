import { type ComputeResource } from './compute-resource.js';
import { type Forgery, type RecordFate } from './fault.js';
import { type InputReader } from './input-reader.js';

/** Whose credentials signed a call. */
export interface Caller {
  readonly accountId: string;
  readonly accessKeyId: string;
  /** The running software whose credentials they are; absent for the seller's own. */
  readonly resource?: ComputeResource;
  /** As the software named the session when it took its role. */
  readonly sessionName?: string;
}

/** A call that may take effect now. */
export interface OperationCall {
  readonly input: InputReader;
  readonly caller: Caller;
  /** From the credential scope. */
  readonly region: string;
  /** By the simulator's clock. */
  readonly now: Date;
  /** What faults make of single records, by position. To be asked once, when the request as a whole is accepted. */
  readonly drawFates: () => ReadonlyMap<number, RecordFate>;
  /** What a fault makes of the signature in the answer. To be asked once, when the request is accepted. */
  readonly drawForgery: () => Forgery | undefined;
}

/**
 * One operation. It throws a ServiceError and has no effect, or has its effect and returns the answer; timestamps in
 * epoch seconds.
 */
export interface ApiHandler {
  execute(call: OperationCall): object;
}
