import { type IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiRequest, operations, type Operation } from './api-request.js';
import { type BatchMeterUsage } from '../operations/batch-meter-usage.js';
import { type ApiCall, type CallLog } from './call-log.js';
import { type CallQuota } from './call-quota.js';
import { type CallFate, type FaultInjector, type FaultKind } from './fault-injector.js';
import { entitlementRegions, type GetEntitlements } from '../operations/get-entitlements.js';
import { InputReader, type JsonObject } from './input-reader.js';
import { checkSignature } from './request-signature.js';
import { type ResolveCustomer } from '../operations/resolve-customer.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from './service-error.js';
import { type Switches } from '../switches.js';
import { type UsageRecord } from '../operations/usage-record.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** Bytes. "Less than 1 MB" [API-BMU]; whether that is 10^6 or 2^20 is not said, so the smaller. */
export const bodyLimit = 1_000_000;

const services: Readonly<Record<Operation, string>> = {
  ResolveCustomer: 'AWSMPMeteringService',
  BatchMeterUsage: 'AWSMPMeteringService',
  GetEntitlements: 'AWSMPEntitlementService',
};

/** An HTTP request, freed from HTTP. */
export interface RawRequest {
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it reached `bodyLimit` bytes. */
  readonly body: string | undefined;
}

/** What the client gets: an answer, a reset connection, or nothing, ever. */
export type Outcome =
  | { readonly type: 'answer'; readonly requestId: string; readonly statusCode: number; readonly body: object }
  | { readonly type: 'reset' | 'hang' };

/** Everything the dispatcher needs. */
export interface DispatcherParts {
  readonly clock: SimulatorClock;
  readonly switches: Readonly<Switches>;
  readonly quota: CallQuota;
  readonly faults: FaultInjector;
  readonly log: CallLog;
  readonly ids: SeededRandom;
  readonly resolveCustomer: ResolveCustomer;
  readonly batchMeterUsage: BatchMeterUsage;
  readonly getEntitlements: GetEntitlements;
}

type Note = (change: Partial<ApiCall>) => void;

/** Takes a request through signature, quota, parser, faults and operation, in this order, and keeps the log of it. */
export class ApiDispatcher {
  constructor(private readonly parts: DispatcherParts) {}

  /** `signal` ends artificial latency when the simulator stops; the promise then rejects. */
  async dispatch(raw: RawRequest, signal: AbortSignal): Promise<Outcome> {
    const requestId = this.parts.ids.uuid();
    const target = headerText(raw.headers['x-amz-target']);
    const operation = operations.find((name) => target === `${services[name]}.${name}`);
    const at = this.parts.clock.now();
    const opened = { requestId, operation: operation ?? target, at, wallAt: new Date(), records: 0 };
    const note = this.parts.log.open({ ...opened, outcome: 'inFlight', effective: false, faults: [] });
    try {
      const request = this.#accept(raw, operation, at, note);
      return await this.#run(request, requestId, note, signal);
    } catch (error) {
      if (error instanceof ServiceError) return refused(requestId, error, note);
      if (signal.aborted) throw error;
      // A predicate of a fault that throws, or a defect of ours: said aloud, since a silent reset would look like a fault.
      return refused(requestId, new ServiceError('InternalFailure', `The simulator failed: ${String(error)}`, 500), note);
    }
  }

  #accept(raw: RawRequest, operation: Operation | undefined, at: Date, note: Note): ApiRequest {
    const { region } = checkSignature(raw.headers, new Date());
    note({ region });
    if (operation === undefined) throw new ServiceError('UnknownOperationException', 'The requested operation is not supported.');
    if (operation === 'GetEntitlements' && !entitlementRegions.includes(region)) {
      throw new ServiceError('InvalidSignatureException', `Credential should be scoped to a valid Region, not '${region}'.`);
    }
    this.parts.quota.take(operation, region);
    if (raw.body === undefined) {
      throw new ServiceError(this.parts.switches.constraintError, `The request must be smaller than ${bodyLimit} bytes.`);
    }
    const input = parsed(raw.body);
    const records = operation === 'BatchMeterUsage' && Array.isArray(input.UsageRecords) ? (input.UsageRecords as UsageRecord[]) : [];
    note({ request: input, records: records.length });
    return { operation, region, at, input, records };
  }

  async #run(request: ApiRequest, requestId: string, note: Note, signal: AbortSignal): Promise<Outcome> {
    const { faults } = this.parts;
    const struck: FaultKind[] = [];
    const suffer = async (fate: CallFate): Promise<Outcome | undefined> => {
      struck.push(...fate.kinds);
      note({ faults: [...struck] });
      if (fate.latencyMs > 0) await delay(fate.latencyMs, undefined, { signal });
      if (!fate.ending) return undefined;
      if (fate.ending.type === 'error') return refused(requestId, fate.ending.error, note);
      note({ outcome: fate.ending.type === 'hang' ? 'hung' : 'reset' });
      return fate.ending;
    };
    const before = await suffer(faults.beforeEffect(request));
    if (before) return before;
    const response = this.#execute(request, struck);
    note({ effective: true, response });
    const after = await suffer(faults.afterEffect(request));
    if (after) return after;
    note({ outcome: 'answered', statusCode: 200 });
    return { type: 'answer', requestId, statusCode: 200, body: response };
  }

  #execute(request: ApiRequest, struck: FaultKind[]): object {
    const { parts } = this;
    const input = new InputReader(request.input, '', parts.switches.constraintError);
    // Read again: latency may have moved the clock past a deadline.
    const now = parts.clock.now();
    switch (request.operation) {
      case 'ResolveCustomer':
        return parts.resolveCustomer.execute(input, now);
      case 'GetEntitlements':
        return parts.getEntitlements.execute(input, now);
      case 'BatchMeterUsage':
        return parts.batchMeterUsage.execute(input, request.region, now, () => {
          const { kinds, fates } = parts.faults.recordFates(request);
          struck.push(...kinds);
          return fates;
        });
    }
  }
}

function refused(requestId: string, error: ServiceError, note: Note): Outcome {
  const { name, message, statusCode } = error;
  note({ outcome: 'answered', statusCode, error: { name, message } });
  return { type: 'answer', requestId, statusCode, body: { __type: name, message } };
}

function parsed(body: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new ServiceError('SerializationException', 'The request body is not JSON.');
  }
  return InputReader.of(value, '', '').object;
}

function headerText(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : '';
}
