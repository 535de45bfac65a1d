import { Inject, Logger, Post, Req, Res, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { BoundedBody } from '../../runtime/body-bounds.js';
import { countMetric } from '../../runtime/metrics.js';
import { type ControllerMount, mountedController } from '../../runtime/mounted-controller.js';
import { redactedText } from '../../runtime/redaction.js';
import { bodyOf, type IncomingBody, RequestBodyError } from '../../runtime/request-body.js';
import { NotificationIntake } from './notification-intake.js';
import { type NotificationRefusalCode, NotificationRefusedError } from './notification-refusal.js';

/** The bound of SNS and of EventBridge. */
const BODY_BYTES_MAX = 256 * 1024;
const SECRET_HEADER = 'x-marketplace-secret';
const RETRY_AFTER_SECONDS = 30;

/**
 * Where SNS and EventBridge deliver over HTTPS. It takes the request as it is and answers through the HTTP adapter, so
 * that the host's parsers, pipes, interceptors and filters have no say: SNS calls its JSON text/plain, which Nest does
 * not parse. 200 is said only after the commit. A host may extend it, and give its class as `notifications.controller`.
 */
export abstract class NotificationController {
  private readonly logger = new Logger('MarketplaceNotifications');
  private readonly refusals = new Map<NotificationRefusalCode, number>();

  // Properties, so that a subclass of the host's has a constructor of its own.
  @Inject(NotificationIntake) private readonly intake!: NotificationIntake;
  @Inject(HttpAdapterHost) private readonly host!: HttpAdapterHost;

  /** A message arrives. It answers in any case, and never throws. */
  @Post()
  @BoundedBody(BODY_BYTES_MAX)
  async receive(@Req() request: IncomingBody, @Res() response: unknown): Promise<void> {
    try {
      const outcome = await this.intake.receive(await textOf(request), secretOf(request));
      this.reply(response, 200, { outcome });
    } catch (error) {
      this.refuse(response, error instanceof NotificationRefusedError ? error : failureOf(error));
    }
  }

  private refuse(response: unknown, error: NotificationRefusedError): void {
    const { status: statusCode, code: errorCode, message } = error;
    countMetric('marketplace.notifications', 1, { via: 'https', outcome: errorCode });
    this.log(error);
    const adapter = this.host.httpAdapter;
    if (statusCode === 503) adapter.setHeader(response, 'Retry-After', String(RETRY_AFTER_SECONDS));
    // What is left of a body that is too large is not worth keeping the connection for.
    if (statusCode === 413) adapter.setHeader(response, 'Connection', 'close');
    this.reply(response, statusCode, { statusCode, errorCode, message });
  }

  /**
   * Anybody can post here: a refusal is logged at every power of two of its repeats, so that nobody can flood the log.
   */
  private log({ code, status: statusCode, detail }: NotificationRefusedError): void {
    const repeats = (this.refusals.get(code as NotificationRefusalCode) ?? 0) + 1;
    this.refusals.set(code as NotificationRefusalCode, repeats);
    if ((repeats & (repeats - 1)) !== 0) return;
    const line = `a notification was refused${detail === null ? '' : `: ${detail}`}`;
    if (statusCode >= 500) this.logger.error(line, { errorCode: code, statusCode, repeats });
    else this.logger.warn(line, { errorCode: code, statusCode, repeats });
  }

  private reply(response: unknown, status: number, body: object): void {
    const adapter = this.host.httpAdapter;
    for (const [name, value] of Object.entries({
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
    }))
      adapter.setHeader(response, name, value);
    adapter.reply(response, body, status);
  }
}

async function textOf(request: IncomingBody): Promise<string> {
  const body = await bodyOf(request, BODY_BYTES_MAX).catch((error: unknown) => {
    if (!(error instanceof RequestBodyError)) throw error;
    throw new NotificationRefusedError(error.fault === 'tooLarge' ? 'BODY_TOO_LARGE' : 'BODY_INVALID');
  });
  // What was parsed already is kept as it was sent, where the host has kept that.
  const sent = request.rawBody instanceof Uint8Array ? request.rawBody : body;
  const text =
    typeof sent === 'string'
      ? sent
      : sent instanceof Uint8Array
        ? Buffer.from(sent).toString('utf8')
        : JSON.stringify(sent ?? '');
  if (Buffer.byteLength(text) > BODY_BYTES_MAX) throw new NotificationRefusedError('BODY_TOO_LARGE');
  if (!/^\s*\{/.test(text)) throw new NotificationRefusedError('BODY_INVALID');
  return text;
}

function secretOf({ headers }: IncomingBody): string {
  const value = headers[SECRET_HEADER];
  return typeof value === 'string' ? value : '';
}

/**
 * The database is away, or a defect of ours. Its message may name what stood in a statement, so account ids are taken
 * out.
 */
function failureOf(error: unknown): NotificationRefusedError {
  const detail = redactedText(error instanceof Error ? error.message : String(error));
  return new NotificationRefusedError('NOTIFICATION_FAILED', detail, { cause: error });
}

/** A controller of its own per module instance: its path and the host's decorators belong to that instance alone. */
export const notificationControllerOf = (mount: ControllerMount): Type<NotificationController> =>
  mountedController(NotificationController, 'notifications.controller', mount);
