import { type IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiHandler, type Caller } from './api-handler.js';
import { apiOperations, type Operation } from './api-operation.js';
import { type ApiRequest } from './api-request.js';
import { type ApiCall, type CallLog } from './call-log.js';
import { type CallQuota } from './call-quota.js';
import { type CallRoute, headerText, routeOf } from './call-route.js';
import { type CallFate, type FaultKind } from './fault.js';
import { type FaultInjector } from './fault-injector.js';
import { identityOf } from './caller-identity.js';
import { InputReader, type JsonObject } from './input-reader.js';
import { checkSignature } from './request-signature.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from './service-error.js';
import { type Switches } from '../switches.js';
import { type UsageRecord } from './usage-record.js';
import { type SimulatorClock } from '../virtual-clock.js';

/** An HTTP request, freed from HTTP. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Bytes of the body as sent: more than `body` holds when the server gave up keeping them. */
  readonly size: number;
}

/** What the client gets: an answer (`cut` in the middle by a fault), a reset connection, or nothing, ever. */
export type Outcome =
  | {
      readonly type: 'answer';
      readonly statusCode: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Buffer;
      readonly cut: boolean;
    }
  | { readonly type: 'reset' | 'hang' };

/** Everything the dispatcher needs. */
export interface DispatcherParts {
  readonly sellerAccountId: string;
  readonly clock: SimulatorClock;
  readonly switches: Readonly<Switches>;
  readonly quota: CallQuota;
  readonly faults: FaultInjector;
  readonly log: CallLog;
  readonly ids: SeededRandom;
  /** Whose credentials these are; throws a ServiceError where AWS would not take them. */
  readonly identify: (accessKeyId: string, sessionToken: string) => Caller;
  /** The product that a license is of; undefined where nobody has such a license. */
  readonly productOf: (licenseArn: string, moment: Date) => string | undefined;
  readonly handlers: Readonly<Record<Operation, ApiHandler>>;
}

type Note = (change: Partial<ApiCall>) => void;

/** One call on its way through the dispatcher. */
interface Passage {
  readonly requestId: string;
  readonly route: CallRoute;
  readonly note: Note;
}

/** Takes a request through signature, quota, parser, faults and operation, in this order, and keeps the log of it. */
export class ApiDispatcher {
  constructor(private readonly parts: DispatcherParts) {}

  /** `signal` ends artificial latency when the simulator stops; the promise then rejects. */
  async dispatch(raw: RawRequest, signal: AbortSignal): Promise<Outcome> {
    const route = await routeOf(raw.headers, raw.path);
    const [requestId, eventId] = [this.parts.ids.uuid(), this.parts.ids.uuid()];
    const at = this.parts.clock.now();
    const userAgent = headerText(raw.headers['user-agent']);
    const opened = { requestId, eventId, operation: route.asked, at, wallAt: new Date(), userAgent, records: 0 };
    const note = this.parts.log.open({ ...opened, outcome: 'inFlight', effective: false, faults: [] });
    const passage = { requestId, route, note };
    try {
      const { request, caller } = this.#accept(raw, passage, at);
      return await this.#run(request, caller, passage, signal);
    } catch (error) {
      if (error instanceof ServiceError) return this.#refused(error, passage);
      if (signal.aborted) throw error;
      // A predicate of a fault that throws, or a defect of ours: said aloud, since a silent reset would look like a
      // fault.
      return this.#refused(new ServiceError('InternalFailure', `The simulator failed: ${String(error)}`, 500), passage);
    }
  }

  #accept(raw: RawRequest, { route, note }: Passage, at: Date): { request: ApiRequest; caller: Caller } {
    const { region, accessKeyId } = checkSignature(
      raw.headers,
      new Date(),
      route.service?.signingName ?? 'aws-marketplace',
    );
    note({ region, accessKeyId });
    const { operation, service } = route;
    if (operation === undefined || service === undefined || raw.method !== 'POST') {
      throw new ServiceError(
        'UnknownOperationException',
        'The requested operation is not supported.',
        route.unknownStatus,
      );
    }
    if (!service.regions.includes(region)) {
      throw new ServiceError(
        'InvalidSignatureException',
        `Credential should be scoped to a valid Region, not '${region}'.`,
      );
    }
    const caller = this.parts.identify(accessKeyId, headerText(raw.headers['x-amz-security-token']));
    note({ accountId: caller.accountId, callerArn: identityOf(caller).arn });
    const { callsPerSecond, sellerOnly } = apiOperations[operation];
    const ofAws = typeof callsPerSecond === 'number' ? callsPerSecond : this.parts.switches[callsPerSecond];
    this.parts.quota.take(operation, `${caller.accountId} ${region}`, ofAws);
    if (sellerOnly && caller.accountId !== this.parts.sellerAccountId) {
      throw new ServiceError(
        'AccessDeniedException',
        `The account ${caller.accountId} is not authorized to perform: ${operation}`,
      );
    }
    const { bodyLimitBytes, constraintError } = this.parts.switches;
    if (raw.size >= bodyLimitBytes)
      throw new ServiceError(constraintError, `The request must be smaller than ${bodyLimitBytes} bytes.`);
    const input = route.codec.read(raw.body);
    this.#checkPolicy(operation, caller, input);
    const records =
      operation === 'BatchMeterUsage' && Array.isArray(input.UsageRecords) ? (input.UsageRecords as UsageRecord[]) : [];
    note({ request: input, records: records.length });
    const productCodes = this.#productsOf(input, records, at);
    return { request: { operation, region, accountId: caller.accountId, at, input, records, productCodes }, caller };
  }

  /** The request names one product, or its records' licenses do. */
  #productsOf({ ProductCode }: JsonObject, records: readonly UsageRecord[], at: Date): string[] {
    const named = typeof ProductCode === 'string' ? [ProductCode] : [];
    const licensed = records.flatMap(({ LicenseArn }) =>
      typeof LicenseArn === 'string' ? (this.parts.productOf(LicenseArn, at) ?? []) : [],
    );
    return [...new Set([...named, ...licensed])];
  }

  /** What the role of the software may do. A DryRun has its own word for no. */
  #checkPolicy(operation: Operation, caller: Caller, input: JsonObject): void {
    if (!caller.resource?.deniedOperations.includes(operation)) return;
    const action = `${apiOperations[operation].service.signingName}:${operation}`;
    const dryRun = operation === 'MeterUsage' && input.DryRun === true;
    throw new ServiceError(
      dryRun ? this.parts.switches.dryRunRefusal : 'AccessDeniedException',
      `User: ${identityOf(caller).arn} is not authorized to perform: ${action} on resource: * ` +
        `because no identity-based policy allows the ${action} action`,
    );
  }

  async #run(request: ApiRequest, caller: Caller, passage: Passage, signal: AbortSignal): Promise<Outcome> {
    const { faults } = this.parts;
    const { note } = passage;
    const struck: FaultKind[] = [];
    const suffer = async (fate: CallFate): Promise<Outcome | undefined> => {
      struck.push(...fate.kinds);
      note({ faults: [...struck] });
      if (fate.latencyMs > 0) await delay(fate.latencyMs, undefined, { signal });
      if (!fate.ending || fate.ending.type === 'cut') return undefined;
      if (fate.ending.type === 'error') return this.#refused(fate.ending.error, passage);
      if (fate.ending.type === 'raw') return rawAnswer(fate.ending, note);
      note({ outcome: fate.ending.type === 'hang' ? 'hung' : 'reset' });
      return fate.ending;
    };
    const before = await suffer(faults.beforeEffect(request));
    if (before) return before;
    const response = this.#execute(request, caller, struck);
    note({ effective: true, response });
    const fate = faults.afterEffect(request);
    const after = await suffer(fate);
    if (after) return after;
    const cut = fate.ending?.type === 'cut';
    note({ outcome: cut ? 'cut' : 'answered', statusCode: 200 });
    return {
      type: 'answer',
      statusCode: 200,
      headers: headersOf(passage),
      body: passage.route.codec.write(response),
      cut,
    };
  }

  #execute({ operation, region, ...request }: ApiRequest, caller: Caller, struck: FaultKind[]): object {
    const { clock, switches, faults, handlers } = this.parts;
    return handlers[operation].execute({
      input: new InputReader(request.input, '', switches.constraintError),
      caller,
      region,
      // Read again: latency may have moved the clock past a deadline.
      now: clock.now(),
      drawFates: () => {
        const { kinds, fates } = faults.recordFates({ operation, region, ...request });
        struck.push(...kinds);
        return fates;
      },
      drawForgery: () => {
        const forgery = faults.forgery({ operation, region, ...request });
        if (forgery) struck.push('forgedSignature');
        return forgery;
      },
    });
  }

  #refused({ name, message, statusCode }: ServiceError, passage: Passage): Outcome {
    const { service, codec } = passage.route;
    passage.note({ outcome: 'answered', statusCode, error: { name, message } });
    const namespaced = this.parts.switches.errorType === 'namespaced' && service !== undefined;
    const body = codec.write({ __type: namespaced ? `${service.namespace}#${name}` : name, message });
    return { type: 'answer', statusCode, headers: headersOf(passage), body, cut: false };
  }
}

function rawAnswer({ statusCode, headers, body }: Extract<CallFate['ending'], { type: 'raw' }>, note: Note): Outcome {
  note({ outcome: 'answered', statusCode });
  return { type: 'answer', statusCode, headers, body: Buffer.from(body), cut: false };
}

function headersOf({ requestId, route: { codec } }: Passage): Record<string, string> {
  return { 'Content-Type': codec.contentType, ...codec.headers, 'x-amzn-RequestId': requestId };
}
