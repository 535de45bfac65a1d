import { type Operation } from './api-operation.js';
import { type PackedDates } from '../packed-dates.js';
import { type ApiRequest } from './api-request.js';
import { type CallMatcher, type RecordMatcher } from './call-matcher.js';
import { type ServiceError } from './service-error.js';
import { type UsageRecord } from './usage-record.js';

export const faultKinds = [
  'resetBefore',
  'resetAfter',
  'error500Before',
  'error500After',
  'throttle',
  'latency',
  'hang',
  'cutAnswer',
  'accessDenied',
  'expiredCredentials',
  'disabledApi',
  'unknownError',
  'unprocessed',
  'truncateResults',
  'unknownStatus',
  'forgedSignature',
  'proxyPage',
  'rawAnswer',
] as const;

/** How the signature that RegisterUsage answers can be wrong. */
export const forgeries = [
  'otherNonce',
  'noNonce',
  'otherProductCode',
  'otherKeyVersion',
  'otherKey',
  'rs256',
  'hs256',
  'algNone',
  'algMissing',
  'payloadChanged',
  'signatureChanged',
  'unsigned',
  'twoParts',
  'noJwt',
  'absent',
] as const;

export type Forgery = (typeof forgeries)[number];

export type FaultKind = (typeof faultKinds)[number];

/** Which calls a fault strikes. All conditions must hold. */
export interface FaultScope {
  /** Default: every operation. */
  operation?: Operation;
  /** How many calls it strikes before it is spent. Default: no limit. */
  count?: number;
  /** How many calls it lets pass before the first that it strikes. Default 0. */
  skip?: number;
  /** Strikes no call that arrives at this moment of the simulator's clock or later. Default: no end. */
  until?: Date;
  /** In [0, 1], drawn from the seed per call. Default 1. */
  probability?: number;
  /** Default: every call. */
  when?: ((request: ApiRequest) => boolean) | CallMatcher;
}

/**
 * Which records of a call: the first n in request order, or those for which the function is true or that the matcher
 * fits.
 */
export type RecordSubset = number | RecordPredicate;
export type RecordPredicate = ((record: UsageRecord) => boolean) | RecordMatcher;

/** What happens. "Effect" is what the call does on AWS's side: usage entered on the bill, a token spent. */
export type FaultEffect =
  /**
   * The connection is reset; the call had no effect (`resetBefore`) or had it (`resetAfter`): the client cannot tell
   * which.
   */
  | { kind: 'resetBefore' | 'resetAfter' }
  /** InternalServiceErrorException, HTTP 500, without or with the effect: the client cannot tell which. */
  | { kind: 'error500Before' | 'error500After' }
  /** ThrottlingException, HTTP 400. */
  | { kind: 'throttle' }
  /**
   * The answer waits `ms` of wall time: before the effect (default) or after it. The effect comes even if the client
   * has gone.
   */
  | { kind: 'latency'; ms: number; afterEffect?: boolean }
  /** The call is never answered; the connection stays open. Default: no effect. */
  | { kind: 'hang'; afterEffect?: boolean }
  /** The call has its effect; the connection breaks off in the middle of the answer's body. */
  | { kind: 'cutAnswer' }
  /** AccessDeniedException, HTTP 400. */
  | { kind: 'accessDenied' }
  /**
   * ExpiredTokenException, HTTP 400: the session token of the credentials. ResolveCustomer has an error of the same
   * name for its own token.
   */
  | { kind: 'expiredCredentials' }
  /** DisabledApiException, HTTP 400. */
  | { kind: 'disabledApi' }
  /** An error that no model lists. Default: HTTP 400, no effect. */
  | { kind: 'unknownError'; name: string; statusCode?: number; message?: string; afterEffect?: boolean }
  /**
   * BatchMeterUsage: the subset (default: all) comes back in UnprocessedRecords. Not billed, except the records for
   * which `afterEffect` (default false) holds: billed, yet reported as unprocessed.
   */
  | { kind: 'unprocessed'; subset?: RecordSubset; afterEffect?: boolean | RecordPredicate }
  /**
   * BatchMeterUsage: the last `drop` records stand neither in Results nor in UnprocessedRecords. Billed all the same,
   * unless `afterEffect` is false.
   */
  | { kind: 'truncateResults'; drop: number; afterEffect?: boolean }
  /**
   * BatchMeterUsage: the subset (default: all) comes back with this Status. Not billed, unless `afterEffect` is true.
   */
  | { kind: 'unknownStatus'; status: string; subset?: RecordSubset; afterEffect?: boolean }
  /** RegisterUsage: takes effect, and answers a signature that is none, or that vouches for something else. */
  | { kind: 'forgedSignature'; forgery: Forgery }
  /** A page of a proxy in place of AWS's answer, in HTML. Default: HTTP 502, no effect. */
  | { kind: 'proxyPage'; statusCode?: number; afterEffect?: boolean }
  /**
   * An HTTP answer as it is given, in place of AWS's and without a request id unless a header gives one. Default: HTTP
   * 200, no headers, an empty body, no effect.
   */
  | {
      kind: 'rawAnswer';
      statusCode?: number;
      headers?: Readonly<Record<string, string>>;
      body?: string;
      afterEffect?: boolean;
    };

export type Fault = FaultScope & FaultEffect;

export interface FaultHandle {
  readonly id: string;
  readonly kind: FaultKind;
  /** Calls struck so far. */
  readonly hits: number;
  /** Takes the fault away; `hits` stays. */
  remove(): void;
}

/** How the faults let a call go on, at one of its two points: before and after its effect. */
export interface CallFate {
  readonly kinds: readonly FaultKind[];
  /** Wall milliseconds. */
  readonly latencyMs: number;
  readonly ending?:
    | { readonly type: 'reset' | 'hang' }
    | { readonly type: 'cut' }
    | { readonly type: 'error'; readonly error: ServiceError }
    | {
        readonly type: 'raw';
        readonly statusCode: number;
        readonly headers: Readonly<Record<string, string>>;
        readonly body: string;
      };
}

/** What becomes of one record of a batch. */
export interface RecordFate {
  readonly report: { readonly type: 'unprocessed' | 'missing' } | { readonly type: 'status'; readonly status: string };
  readonly effective: boolean;
}

/** A fault in force. */
export interface ArmedFault {
  readonly id: string;
  readonly fault: Fault;
  /** Calls struck so far. */
  readonly hits: number;
  /** Calls that it let pass because of `skip`. */
  readonly passed: number;
}

/** Without faults whose predicates are functions: no file can hold them. */
export interface FaultSnapshot {
  readonly added: number;
  readonly hits: Readonly<Partial<Record<FaultKind, number>>>;
  readonly armed: PackedDates<readonly ArmedFault[]>;
}
