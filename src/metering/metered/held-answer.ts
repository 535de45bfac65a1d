import { HttpException } from '@nestjs/common';

/** As much of Node's own response as is needed. */
interface RawResponse {
  statusCode: number;
  readonly headersSent: boolean;
  getHeaderNames(): string[];
  removeHeader(name: string): void;
  setHeader(name: string, value: string): unknown;
  end(...given: unknown[]): unknown;
  destroy(error?: Error): unknown;
}

/** Of a body that is not sent. */
const OF_BODY = /^(content-|etag$|last-modified$|transfer-encoding$)/;

/**
 * A handler that answers through the response itself (`@Res()`) may be done with it before it returns. The end of its
 * answer waits until the request is counted, as the answer of any other handler does.
 * @param count once, however often the answer is seen
 * @returns counts, unless that was done when the handler ended its answer
 */
export function countBeforeEnd(
  response: { raw?: object },
  count: (answer: unknown) => Promise<unknown>,
): (answer: unknown) => Promise<unknown> {
  const raw = (response.raw ?? response) as RawResponse;
  const end = raw.end.bind(raw);
  let counting: Promise<unknown> | null = null;
  let isCounted = false;
  let held: unknown[] | null = null;
  let isDone = false;

  const countOnce = (answer: unknown): Promise<unknown> =>
    (counting ??= count(answer).finally(() => {
      isCounted = true;
    }));
  const finish = (given: unknown[]): void => {
    // Whoever ends it a second time, a filter of the host's, finds it ended.
    if (isDone) return;
    isDone = true;
    end(...given);
  };
  const refuse = (error: unknown): void => {
    // Its head has left already: then nobody may take it for whole.
    if (raw.headersSent || !(error instanceof HttpException)) {
      isDone = true;
      raw.destroy(error as Error);
      return;
    }
    for (const name of raw.getHeaderNames()) if (OF_BODY.test(name)) raw.removeHeader(name);
    raw.statusCode = error.getStatus();
    raw.setHeader('content-type', 'application/json; charset=utf-8');
    finish([JSON.stringify(error.getResponse())]);
  };
  raw.end = (...given) => {
    if (isCounted) {
      finish(given);
      return raw;
    }
    const isFirst = held === null;
    // A handler that fails after its answer: the failure stands in for it, unless the head of the answer has left.
    if (isFirst || !raw.headersSent) held = given;
    if (isFirst)
      countOnce(undefined).then(() => {
        // What was counted may have put its own in this place, to take the unit back.
        raw.end(...(held ?? given));
      }, refuse);
    return raw;
  };
  return async (answer) => {
    try {
      await countOnce(answer);
    } catch (error) {
      if (held === null) throw error;
    }
    return answer;
  };
}
