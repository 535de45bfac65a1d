import { createHash } from 'node:crypto';
import { HttpException, Inject, Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { MarketplaceMeteringError, UsageNotRecordedError } from '../../errors/marketplace-metering-error.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { redactedText } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { type RecordResult, type UsageEvent } from '../recording/usage-event.js';
import { UsageRecorder } from '../recording/usage-recorder.js';
import { type Meter } from './meter.js';

/** Of Express, or of Fastify with Node's own below it. */
export interface MeteredResponse {
  statusCode: number;
  raw?: object;
}

/** As much of Node's own response as is needed. */
interface RawResponse {
  statusCode: number;
  end(...given: unknown[]): unknown;
  destroy(error?: Error): unknown;
}

const UNSUCCESSFUL = 400;
/** Of an idempotency key, so that the dimension has room beside it. */
const KEY_LENGTH_MAX = 128;
const SERVICE_UNAVAILABLE = 503;

/** Counts the requests of routes that bear `@Metered`. */
@Injectable()
export class RequestMeter {
  private readonly logger = new Logger('MarketplaceMetering');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly recorder: UsageRecorder,
  ) {}

  /**
   * @returns records the request, given what its handler has answered
   * @throws MarketplaceMeteringError `ENTITLEMENT_OWNER_MISSING`
   */
  async begin(meter: Meter, request: object, response: MeteredResponse): Promise<(answer: unknown) => Promise<void>> {
    const ownerOf = meter.owner ?? this.options.entitlementOwner;
    if (!ownerOf)
      throw new MarketplaceMeteringError(
        'ENTITLEMENT_OWNER_MISSING',
        'A route has @Metered, but nothing says whose requests are: give it `owner`, or the option entitlementOwner, for ' +
          'example (request) => ({ tenantId: request.user.tenantId }).',
      );
    const owner = (await ownerOf(request)) ?? null;
    const given = keyOf(meter, request);
    return async (answer) => {
      if (owner === null || response.statusCode >= UNSUCCESSFUL) return;
      const idempotencyKey = `${given ?? uuidv7()}:${meter.dimension}`;
      const event = {
        ...(typeof owner === 'string' ? { subscriptionId: owner } : owner),
        ...{ dimension: meter.dimension, idempotencyKey },
      };
      try {
        const { quantity = 1, tags } = meter;
        const units = typeof quantity === 'function' ? await quantity(request, answer) : quantity;
        const usage = { ...event, quantity: units, ...(tags === undefined ? {} : { tags: tags(request) }) };
        const recorded = await this.recordSurely(usage);
        // A key of the caller's means the repetition of the request, too: taken back, that would be free.
        if (given === undefined && recorded.outcome === 'recorded') this.takeBackIfFailed(usage, response);
      } catch (error) {
        this.unrecorded(meter, event, error);
      }
    };
  }

  /** Once more where nobody knows whether it was written: with the same key it is written once. */
  private recordSurely(usage: UsageEvent): Promise<RecordResult> {
    return this.recorder.record(usage).catch((error: unknown) => {
      if (error instanceof UsageNotRecordedError && error.outcome === 'unknown') return this.recorder.record(usage);
      throw error;
    });
  }

  /**
   * Interceptors and filters around the handler may yet make a failure of its success: then nothing was delivered. The
   * failure is complete for the client only when the correction is committed: a process that dies in between leaves a
   * broken answer and never a failure that costs.
   */
  private takeBackIfFailed(usage: UsageEvent, response: MeteredResponse): void {
    const raw = (response.raw ?? response) as RawResponse;
    const end = raw.end.bind(raw);
    raw.end = (...given) => {
      raw.end = end;
      if (raw.statusCode < UNSUCCESSFUL) return end(...given);
      void this.takeBack(usage, raw.statusCode)
        .then(() => end(...given))
        .catch((error: unknown) => raw.destroy(error as Error));
      return raw;
    };
  }

  private async takeBack(usage: UsageEvent, statusCode: number): Promise<void> {
    const back: UsageEvent = {
      ...usage,
      quantity: negated(usage.quantity),
      idempotencyKey: `${usage.idempotencyKey ?? ''}:back`,
      reason: `the request was answered with ${statusCode}`,
    };
    try {
      await this.recordSurely(back);
    } catch (error) {
      this.logger.error(`A failed request stays counted: ${shownOf(error)}`, back);
    }
  }

  private unrecorded(meter: Meter, event: object, error: unknown): void {
    this.logger.error(`The usage of a request is not recorded: ${shownOf(error)}`, event);
    if (meter.whenUnrecorded === 'answer') return;
    const errorCode = error instanceof MarketplaceMeteringError ? error.code : 'RECORD_FAILED';
    const message = 'The usage of this request could not be recorded, so it is not answered. Repeat it later.';
    throw new HttpException({ statusCode: SERVICE_UNAVAILABLE, errorCode, message }, SERVICE_UNAVAILABLE, {
      cause: error,
    });
  }
}

function keyOf({ idempotencyKey }: Meter, request: object): string | undefined {
  const { headers = {} } = request as { headers?: Record<string, string | string[] | undefined> };
  const said =
    typeof idempotencyKey === 'function' ? idempotencyKey(request) : headers[(idempotencyKey ?? '').toLowerCase()];
  const key = Array.isArray(said) ? said.join(',') : said;
  if (key === undefined || key.trim() === '') return undefined;
  // What clients send is of any length, and of any bytes.
  return /^[\x21-\x7e]+$/.test(key) && key.length <= KEY_LENGTH_MAX
    ? key
    : createHash('sha256').update(key).digest('hex');
}

function negated(quantity: UsageEvent['quantity']): string {
  const text = typeof quantity === 'object' ? quantity.toFixed() : String(quantity);
  return text.startsWith('-') ? text.slice(1) : `-${text}`;
}

function shownOf(error: unknown): string {
  return redactedText(error instanceof Error ? error.message : String(error));
}
