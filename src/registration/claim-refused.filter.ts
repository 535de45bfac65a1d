import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ClaimRefusedError } from '../errors/claim-refused-error.js';

/**
 * For the host's sign-up controller, by `@UseFilters(ClaimRefusedFilter)`: a code or tenant that does not hold is
 * answered as every refusal of ours is, `{ statusCode, errorCode, message }`.
 */
@Catch(ClaimRefusedError)
export class ClaimRefusedFilter implements ExceptionFilter<ClaimRefusedError> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch({ statusCode, code: errorCode, message }: ClaimRefusedError, context: ArgumentsHost): void {
    this.host.httpAdapter.reply(context.switchToHttp().getResponse(), { statusCode, errorCode, message }, statusCode);
  }
}
