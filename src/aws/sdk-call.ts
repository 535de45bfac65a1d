import { type CallFailure, callFailureOf, type Departure } from './aws-error.js';

/** Where a command's middleware stands when it tells that the request leaves: after credentials and signature. */
export const DEPARTURE = { step: 'deserialize', priority: 'low', name: 'marketplaceDeparture' } as const;

export type SdkAnswer<Output> = { kind: 'answered'; output: Output } | { kind: 'failed'; failure: CallFailure };

/**
 * One call through the SDK, within `timeoutMs` (monotonic) for all of it: the SDK heeds the signal once the request is out, a credentials provider
 * that hangs does not. Never throws.
 * @param send makes the call, and says when the request leaves.
 */
export async function callSdk<Output>(
  timeoutMs: number,
  send: (signal: AbortSignal, leaves: () => void) => Promise<Output>,
): Promise<SdkAnswer<Output>> {
  let departure: Departure = 'held';
  const leaves = (): void => {
    departure = 'left';
  };
  const timeout = new AbortController();
  let expire: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    expire = setTimeout(() => {
      const reason = new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError');
      timeout.abort(reason);
      reject(reason);
    }, timeoutMs);
  });
  try {
    return { kind: 'answered', output: await Promise.race([send(timeout.signal, leaves), expired]) };
  } catch (error) {
    return { kind: 'failed', failure: callFailureOf(error, departure) };
  } finally {
    clearTimeout(expire);
  }
}
