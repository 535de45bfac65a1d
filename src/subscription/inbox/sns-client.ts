const TIMEOUT_MS = 5000;

/** An answer that is no use: another status than 200, too long, a redirect, or none within five seconds. */
export class SnsCallError extends Error {}

/**
 * One GET to SNS, whose URL was checked before. Bounded in time and length; redirects are not followed, since they lead
 * to hosts that nobody checked.
 */
export async function getFromSns(url: URL, bytesMax: number): Promise<string> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await textOf(response, bytesMax);
    if (!response.ok) throw new SnsCallError(`SNS answered ${response.status}`);
    return text;
  } catch (error) {
    if (error instanceof SnsCallError) throw error;
    // The message of a network error may hold the URL, and with it a token.
    throw new SnsCallError(`SNS could not be reached (${nameOf(error)})`, { cause: error });
  }
}

async function textOf(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw new SnsCallError(`SNS answered with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function nameOf(error: unknown): string {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  // A DOMException's code is a number.
  return [cause?.code, code, name].find((label) => typeof label === 'string') ?? 'unknown error';
}
