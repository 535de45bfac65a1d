import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject, Logger } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { isMarketplaceMeteringError, type MarketplaceErrorCode } from 'nestjs-marketplace-metering';
import { html } from '../web/html.js';
import { notice, page } from '../web/page.js';
import { LARKSPUR_OPTIONS, type LarkspurOptions } from './larkspur.options.js';

interface Problem {
  status: number;
  message: string;
  errorCode?: string;
}

/**
 * The module's errors that a client of Larkspur may see; any other one is a defect of Larkspur, and stays in the log.
 */
const STATUS: Partial<Record<MarketplaceErrorCode, number>> = {
  USAGE_INVALID: 400,
  IDEMPOTENCY_CONFLICT: 409,
  QUEUE_FULL: 503,
  RECORD_TIMEOUT: 503,
  SHUTTING_DOWN: 503,
};

/** Errors as a page for people and as JSON for programs. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Larkspur');

  constructor(@Inject(LARKSPUR_OPTIONS) private readonly options: LarkspurOptions) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const problem = problemOf(error);
    if (problem.status >= 500)
      this.logger.error(`${request.method} ${request.path}: ${String(error)}`, (error as Error).stack);
    response.status(problem.status);
    if (request.accepts(['html', 'json']) === 'html' && !request.path.startsWith('/api/'))
      response.type('html').send(this.page(problem));
    else response.json({ statusCode: problem.status, errorCode: problem.errorCode, message: problem.message });
  }

  private page({ status, message }: Problem): string {
    const { links, listingUrl } = this.options;
    const body = html`<div class="narrow">
      <h1>${status === 404 ? 'There is no such page' : 'That did not work'}</h1>
      ${notice('bad', message)}
      <p>
        <a class="button" href="${status === 401 ? listingUrl : '/'}"
          >${status === 401 ? 'To AWS Marketplace' : 'Back to the start'}</a
        >
      </p>
    </div>`;
    return page({ title: 'That did not work', site: 'larkspur', links, body });
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof HttpException) return { status: error.getStatus(), message: error.message };
  const status = isMarketplaceMeteringError(error) ? STATUS[error.code] : undefined;
  if (isMarketplaceMeteringError(error) && status !== undefined)
    return { status, message: error.message, errorCode: error.code };
  return {
    status: 500,
    message: 'Something went wrong on our side. Nothing was rendered or billed by this request; please try again.',
  };
}
