import { packDates, unpackDates } from '../packed-dates.js';
import { type ApiRequest } from './api-request.js';
import { matchesCall, matchesRecord } from './call-matcher.js';
import {
  type ArmedFault,
  type CallFate,
  type Fault,
  type FaultEffect,
  type FaultHandle,
  type FaultKind,
  faultKinds,
  type FaultSnapshot,
  type Forgery,
  type RecordFate,
  type RecordPredicate,
  type RecordSubset,
} from './fault.js';
import { type SeededRandom } from '../seeded-random.js';
import { ServiceError } from './service-error.js';
import { type UsageRecord } from './usage-record.js';

type Armed = { -readonly [Key in keyof ArmedFault]: ArmedFault[Key] };

/**
 * Holds the faults in force and decides, call by call, which of them strike. A fault counts a hit only where it changed
 * something.
 */
export class FaultInjector {
  readonly #armed = new Map<string, Armed>();
  readonly #hits = new Map<FaultKind, number>();
  #added = 0;

  constructor(private readonly random: SeededRandom) {}

  /** Faults strike in the order they were added; of those that end a call the first does. */
  add(fault: Fault): FaultHandle {
    const { probability = 1, count = 1, skip = 0 } = fault;
    if (!(probability >= 0 && probability <= 1))
      throw new RangeError(`The probability of a fault lies in [0, 1], got ${probability}`);
    if (!(count >= 1)) throw new RangeError(`The count of a fault is at least 1, got ${count}`);
    if (!(skip >= 0)) throw new RangeError(`The skip of a fault is at least 0, got ${skip}`);
    this.#added += 1;
    const armed: Armed = { id: `fault-${this.#added}`, fault, hits: 0, passed: 0 };
    this.#armed.set(armed.id, armed);
    return {
      id: armed.id,
      kind: fault.kind,
      get hits() {
        return armed.hits;
      },
      remove: () => {
        this.remove(armed.id);
      },
    };
  }

  /** Takes one fault away. Returns whether it was there. */
  remove(id: string): boolean {
    return this.#armed.delete(id);
  }

  /** The faults in force, in the order they were added, spent ones included. */
  list(): ArmedFault[] {
    return [...this.#armed.values()].map((armed) => ({ ...armed }));
  }

  /** Takes all faults away; the counts of hits stay. */
  clear(): void {
    this.#armed.clear();
  }

  /** Calls struck since the start, per kind; 0 for kinds that never struck. */
  hits(): Record<FaultKind, number> {
    return Object.fromEntries(faultKinds.map((kind) => [kind, this.#hits.get(kind) ?? 0])) as Record<FaultKind, number>;
  }

  snapshot(): FaultSnapshot {
    const armed = this.list().filter(({ fault }) => !Object.values(fault).some((value) => typeof value === 'function'));
    return { added: this.#added, hits: Object.fromEntries(this.#hits), armed: packDates(armed) };
  }

  restore({ added, hits, armed }: FaultSnapshot): void {
    this.#added = added;
    this.#hits.clear();
    for (const [kind, count] of Object.entries(hits)) this.#hits.set(kind as FaultKind, count);
    this.#armed.clear();
    for (const one of unpackDates<ArmedFault[]>(armed)) this.#armed.set(one.id, { ...one });
  }

  beforeEffect(request: ApiRequest): CallFate {
    return this.#callFate(request, 'before');
  }

  /** Asked only about calls that had their effect: a refused call keeps its own error. */
  afterEffect(request: ApiRequest): CallFate {
    return this.#callFate(request, 'after');
  }

  /** Fates of the records at the given positions of the request; records without one go their normal way. */
  recordFates(request: ApiRequest): { kinds: FaultKind[]; fates: Map<number, RecordFate> } {
    const fates = new Map<number, RecordFate>();
    const kinds: FaultKind[] = [];
    for (const armed of this.#armed.values()) {
      const struck = recordsStruck(armed.fault, request.records).filter(([index]) => !fates.has(index));
      if (struck.length === 0 || !this.#strikes(armed, request)) continue;
      for (const [index, fate] of struck) fates.set(index, fate);
      kinds.push(this.#count(armed));
    }
    return { kinds, fates };
  }

  /** The first that strikes; asked only about calls of RegisterUsage that are accepted. */
  forgery(request: ApiRequest): Forgery | undefined {
    for (const armed of this.#armed.values()) {
      if (armed.fault.kind !== 'forgedSignature' || !this.#strikes(armed, request)) continue;
      this.#count(armed);
      return armed.fault.forgery;
    }
    return undefined;
  }

  #callFate(request: ApiRequest, point: 'before' | 'after'): CallFate {
    const kinds: FaultKind[] = [];
    let latencyMs = 0;
    for (const armed of this.#armed.values()) {
      const { fault } = armed;
      if (pointOf(fault) !== point || !this.#strikes(armed, request)) continue;
      kinds.push(this.#count(armed));
      const ending = endingOf(fault);
      if (ending) return { kinds, latencyMs, ending };
      if (fault.kind === 'latency') latencyMs += fault.ms;
    }
    return { kinds, latencyMs };
  }

  #strikes(armed: Armed, request: ApiRequest): boolean {
    const { operation, count, skip = 0, until, probability, when } = armed.fault;
    if (operation !== undefined && operation !== request.operation) return false;
    if (until && request.at >= until) return false;
    if (count !== undefined && armed.hits >= count) return false;
    if (when && !(typeof when === 'function' ? when(request) : matchesCall(when, request))) return false;
    if (armed.passed < skip) {
      armed.passed += 1;
      return false;
    }
    return probability === undefined || this.random.next() < probability;
  }

  #count(armed: Armed): FaultKind {
    const { kind } = armed.fault;
    armed.hits += 1;
    this.#hits.set(kind, (this.#hits.get(kind) ?? 0) + 1);
    return kind;
  }
}

/** Where in the life of a call a fault strikes; faults of single records and of signatures strike in between. */
function pointOf(fault: FaultEffect): 'before' | 'within' | 'after' {
  switch (fault.kind) {
    case 'resetBefore':
    case 'error500Before':
    case 'throttle':
    case 'accessDenied':
    case 'expiredCredentials':
    case 'disabledApi':
      return 'before';
    case 'resetAfter':
    case 'error500After':
    case 'cutAnswer':
      return 'after';
    case 'latency':
    case 'hang':
    case 'unknownError':
    case 'proxyPage':
    case 'rawAnswer':
      return fault.afterEffect ? 'after' : 'before';
    case 'unprocessed':
    case 'truncateResults':
    case 'unknownStatus':
    case 'forgedSignature':
      return 'within';
  }
}

function endingOf(fault: FaultEffect): CallFate['ending'] {
  const error = (name: string, message: string, statusCode = 400): CallFate['ending'] => ({
    type: 'error',
    error: new ServiceError(name, message, statusCode),
  });
  switch (fault.kind) {
    case 'resetBefore':
    case 'resetAfter':
      return { type: 'reset' };
    case 'hang':
      return { type: 'hang' };
    case 'cutAnswer':
      return { type: 'cut' };
    case 'error500Before':
    case 'error500After':
      return error('InternalServiceErrorException', 'An internal error has occurred. Retry your request.', 500);
    case 'throttle':
      return error('ThrottlingException', 'Rate exceeded');
    case 'accessDenied':
      return error('AccessDeniedException', 'User is not authorized to perform this operation.');
    case 'expiredCredentials':
      return error('ExpiredTokenException', 'The security token included in the request is expired');
    case 'disabledApi':
      return error('DisabledApiException', 'The API is disabled in the Region.');
    case 'unknownError':
      return error(fault.name, fault.message ?? 'An error that no model lists.', fault.statusCode);
    case 'proxyPage':
      return proxyPage(fault.statusCode ?? 502);
    case 'rawAnswer':
      return { type: 'raw', statusCode: 200, headers: {}, body: '', ...given(fault) };
    case 'latency':
    case 'unprocessed':
    case 'truncateResults':
    case 'unknownStatus':
    case 'forgedSignature':
      return undefined;
  }
}

/** What stands between a client and AWS answers in its own words, and knows no request id. */
function proxyPage(statusCode: number): CallFate['ending'] {
  const body = `<html><head><title>${statusCode}</title></head><body><h1>${statusCode}</h1><hr>proxy</body></html>\n`;
  return { type: 'raw', statusCode, headers: { 'Content-Type': 'text/html' }, body };
}

/** The members of an answer that are there: one that is undefined stands for its default. */
function given({ statusCode, headers, body }: Extract<FaultEffect, { kind: 'rawAnswer' }>): object {
  return {
    ...(statusCode !== undefined && { statusCode }),
    ...(headers !== undefined && { headers }),
    ...(body !== undefined && { body }),
  };
}

function holds(predicate: RecordPredicate, record: UsageRecord): boolean {
  return typeof predicate === 'function' ? predicate(record) : matchesRecord(predicate, record);
}

function recordsStruck(fault: FaultEffect, records: readonly UsageRecord[]): [number, RecordFate][] {
  const all = records.map((record, index) => ({ record, index }));
  const within = (subset: RecordSubset = Infinity): typeof all =>
    all.filter(({ record, index }) => (typeof subset === 'number' ? index < subset : holds(subset, record)));
  switch (fault.kind) {
    case 'unprocessed': {
      const { afterEffect = false } = fault;
      return within(fault.subset).map(({ record, index }) => {
        const effective = typeof afterEffect === 'boolean' ? afterEffect : holds(afterEffect, record);
        return [index, { report: { type: 'unprocessed' }, effective }];
      });
    }
    case 'unknownStatus':
      return within(fault.subset).map(({ index }) => [
        index,
        { report: { type: 'status', status: fault.status }, effective: fault.afterEffect ?? false },
      ]);
    case 'truncateResults':
      return all
        .slice(Math.max(0, records.length - fault.drop))
        .map(({ index }) => [index, { report: { type: 'missing' }, effective: fault.afterEffect ?? true }]);
    default:
      return [];
  }
}
