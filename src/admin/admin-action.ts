import { z } from 'zod';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';
import { jsonOf } from '../runtime/json.js';
import { bodyOf, headerOf, type IncomingBody, RequestBodyError } from '../runtime/request-body.js';
import { isStorable } from '../runtime/storable-text.js';

export const ACTION_BYTES_MAX = 16_384;

const text = (lengthMax: number) =>
  z
    .string({ error: `give a text of 1 to ${lengthMax} characters` })
    .min(1, { error: 'give a text that is not empty' })
    .max(lengthMax, { error: `give at most ${lengthMax} characters` })
    .refine(isStorable, { error: 'give a text without NUL or halves of surrogate pairs' });

/** What operators may do, by the members of the request's body. */
export const ACTIONS = {
  acknowledge: z.strictObject({ kind: text(100), subject: text(1000), by: text(255), note: text(1000) }),
  unlink: z.strictObject({
    subscriptionId: z.guid({ error: 'give a UUID, as it stands in the lists' }),
    tenantId: text(255),
    by: text(255),
    note: text(255),
  }),
  requeue: z.strictObject({
    productCode: text(255).optional(),
    dimension: text(255).optional(),
    reason: text(100).optional(),
    subscriptionId: z.guid({ error: 'give a UUID, as it stands in the lists' }).optional(),
    by: text(255),
    note: text(255),
  }),
};

/**
 * The body of an action. As `application/json` only: a page of another site cannot have a browser send that without
 * being asked first, so a guard by cookie needs no token of its own.
 * @throws MarketplaceMeteringError `FILTER_INVALID`
 */
export async function readAction<T>(action: z.ZodType<T>, request: IncomingBody): Promise<T> {
  if (!/^application\/json *(?:;|$)/.test(headerOf(request, 'content-type')))
    throw invalid('send the action as JSON, with Content-Type: application/json');
  const body = await bodyOf(request, ACTION_BYTES_MAX).catch((error: unknown) => {
    throw error instanceof RequestBodyError ? invalid(`send a body of at most ${ACTION_BYTES_MAX} bytes`) : error;
  });
  const value =
    typeof body === 'string' || body instanceof Uint8Array ? jsonOf(Buffer.from(body).toString('utf8')) : body;
  const result = action.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '));
}

function invalid(why: string): MarketplaceMeteringError {
  return new MarketplaceMeteringError('FILTER_INVALID', why);
}
