import { randomBytes } from 'node:crypto';
import { Get, Inject, Logger, Post, Req, Res, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { BoundedBody, NoBody } from '../runtime/body-bounds.js';
import { type ControllerMount, mountedController } from '../runtime/mounted-controller.js';
import { redactedText } from '../runtime/redaction.js';
import { headerOf, type IncomingBody } from '../runtime/request-body.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { type AddressedRequest, arrivingClientOf } from './arriving-client.js';
import { BODY_BYTES_MAX, formBodyOf } from './registration-body.js';
import { registrationFormOf } from './registration-form.js';
import { type Redirection, RegistrationIntake } from './registration-intake.js';
import { PAGE_HEADERS, refusalPage, welcomePage } from './registration-page.js';
import { RegistrationRefusedError } from './registration-refusal.js';

/** As much of a request of Express or Fastify as the landing page looks at. */
export interface ArrivalRequest extends IncomingBody, AddressedRequest {
  headers: Record<string, string | string[] | undefined>;
}

/** The host's name comes from strangers: what is told about it must end. */
const WARNINGS_MAX = 10;

/**
 * The landing page. It takes the request as it is and answers through the HTTP adapter, so that pipes, interceptors,
 * serializers and filters of the host have no say in what a buyer sees. Open by nature: the token is the credential; no
 * cookie is read. One is written, for the claim of the code. A host may extend it, and give its class as
 * `registration.controller`.
 */
export abstract class RegistrationController {
  private readonly logger = new Logger('MarketplaceRegistration');
  private readonly told = new Set<string>();

  // Properties, so that a subclass of the host's has a constructor of its own.
  @Inject(RESOLVED_OPTIONS) private readonly options!: ResolvedOptions;
  @Inject(RegistrationIntake) private readonly intake!: RegistrationIntake;
  @Inject(HttpAdapterHost) private readonly host!: HttpAdapterHost;

  /** What a browser sees that comes without a token of AWS. */
  @Get()
  @NoBody()
  welcome(@Res() response: unknown): void {
    this.reply(response, 200, 'text/html; charset=utf-8', welcomePage(this.options.support));
  }

  /** A buyer arrives, with the token of AWS in a form. It answers in any case, and never throws. */
  @Post()
  @BoundedBody(BODY_BYTES_MAX)
  async arrive(@Req() request: ArrivalRequest, @Res() response: unknown): Promise<void> {
    try {
      const { url, setCookie } = await this.receive(request);
      for (const [name, value] of Object.entries(PAGE_HEADERS)) this.host.httpAdapter.setHeader(response, name, value);
      if (setCookie !== null) {
        this.host.httpAdapter.appendHeader(response, 'Set-Cookie', setCookie);
        this.warnOfOtherHost(headerOf(request, 'host'), url);
      }
      this.host.httpAdapter.redirect(response, 303, url.href);
    } catch (error) {
      this.refuse(request, response, error instanceof RegistrationRefusedError ? error : failureOf(error));
    }
  }

  private async receive(request: ArrivalRequest): Promise<Redirection> {
    const form = registrationFormOf(await formBodyOf(request), headerOf(request, 'content-type'));
    if (!form) throw new RegistrationRefusedError('BODY_INVALID');
    const { name, isProxyUntrusted } = arrivingClientOf(request);
    if (isProxyUntrusted) this.warnOfProxy();
    return this.intake.receive(form, name);
  }

  private warnOfProxy(): void {
    this.warnOnce(
      'buyers come through a proxy that this application does not trust, so they all have its address here. Buyers are ' +
        'served nevertheless; but trust your load balancer (Express: app.set("trust proxy", …), Fastify: trustProxy), so ' +
        'that what strangers bring in vain counts against them alone',
    );
  }

  /** A cookie does not leave its host, unless it names a domain. */
  private warnOfOtherHost(host: string, { hostname }: URL): void {
    const here = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : hostname;
    const { codeCookieDomain: domain } = this.options;
    const isReached =
      domain === undefined ? here === hostname : [here, hostname].every((name) => isBelow(name, domain));
    if (isReached) return;
    this.warnOnce(
      `buyers arrive at ${here} and go on to ${hostname}, which is not shown the cookie that binds the registration ` +
        `code to their browser. Either claim the code in a request to ${here}, or set codeCookieDomain ` +
        '(MARKETPLACE_CODE_COOKIE_DOMAIN) to the domain of both, or, where they share none, codeBinding ' +
        '(MARKETPLACE_CODE_BINDING) to "none"',
    );
  }

  private warnOnce(message: string): void {
    if (this.told.has(message) || this.told.size >= WARNINGS_MAX) return;
    this.told.add(message);
    this.logger.warn(message);
  }

  private refuse(request: ArrivalRequest, response: unknown, error: RegistrationRefusedError): void {
    const { refusal, code: errorCode } = error;
    const { status: statusCode } = refusal;
    const reference = statusCode < 500 ? null : randomBytes(4).toString('hex');
    const fields = { errorCode, statusCode, ...(reference === null ? {} : { reference }) };
    if (statusCode >= 500) this.logger.error(`a registration failed: ${error.detail ?? error.message}`, fields);
    else this.logger.warn('a registration was refused', fields);

    const adapter = this.host.httpAdapter;
    if (refusal.retryAfterSeconds !== undefined)
      adapter.setHeader(response, 'Retry-After', String(refusal.retryAfterSeconds));
    // What is left of a body that is too large is not worth keeping the connection for.
    if (errorCode === 'BODY_TOO_LARGE') adapter.setHeader(response, 'Connection', 'close');
    if (wantsJson(request))
      this.reply(response, statusCode, 'application/json; charset=utf-8', {
        statusCode,
        errorCode,
        message: error.message,
      });
    else
      this.reply(
        response,
        statusCode,
        'text/html; charset=utf-8',
        refusalPage(refusal, this.options.support, reference),
      );
  }

  private reply(response: unknown, status: number, type: string, body: string | object): void {
    const adapter = this.host.httpAdapter;
    for (const [name, value] of Object.entries({ ...PAGE_HEADERS, 'Content-Type': type }))
      adapter.setHeader(response, name, value);
    adapter.reply(response, body, status);
  }
}

function isBelow(hostname: string, domain: string): boolean {
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

function wantsJson(request: ArrivalRequest): boolean {
  const accepted = headerOf(request, 'accept');
  return accepted.includes('application/json') && !accepted.includes('text/html');
}

/**
 * The database is away, or a defect of ours. Its message may name what stood in a statement, so account ids are taken
 * out.
 */
function failureOf(error: unknown): RegistrationRefusedError {
  return new RegistrationRefusedError(
    'REGISTRATION_FAILED',
    redactedText(error instanceof Error ? error.message : String(error)),
  );
}

/** A controller of its own per module instance: its path and the host's decorators belong to that instance alone. */
export const registrationControllerOf = (mount: ControllerMount): Type<RegistrationController> =>
  mountedController(RegistrationController, 'registration.controller', mount);
