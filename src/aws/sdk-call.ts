import { type CallFailure, callFailureOf, type Departure } from './aws-error.js';

/** Where a command's middleware stands when it tells that the request leaves: after credentials and signature. */
export const DEPARTURE = { step: 'deserialize', priority: 'low', name: 'marketplaceDeparture' } as const;

/** Lets a request leave: everything before it is known to have had no effect. */
export type Depart = <T>(leave: () => Promise<T>) => Promise<T>;

export type SdkAnswer<Output> = { kind: 'answered'; output: Output } | { kind: 'failed'; failure: CallFailure };

/**
 * One call through the SDK, within `timeoutMs` (monotonic) for all of it: the SDK heeds the signal once the request is
 * out, a credentials provider that hangs does not. Never throws.
 * @param send makes the call, and has its request leave through `depart`.
 * @param secret of the request, which no text of a failure repeats
 */
export async function callSdk<Output>(
  timeoutMs: number,
  send: (signal: AbortSignal, depart: Depart) => Promise<Output>,
  secret?: string,
): Promise<SdkAnswer<Output>> {
  let departure: Departure = 'held';
  // As the network gave it: above the departure the SDK may wrap an error, and lose what it says.
  let networkError: unknown;
  const timeout = new AbortController();
  const depart: Depart = async (leave) => {
    // Nothing may leave after the time is up: whoever waited for the answer has gone.
    timeout.signal.throwIfAborted();
    departure = 'left';
    try {
      return await leave();
    } catch (error) {
      networkError = error;
      throw error;
    }
  };
  let expire: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    expire = setTimeout(() => {
      const reason = new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError');
      timeout.abort(reason);
      reject(reason);
    }, timeoutMs);
  });
  try {
    return { kind: 'answered', output: await Promise.race([send(timeout.signal, depart), expired]) };
  } catch (error) {
    return { kind: 'failed', failure: callFailureOf(networkError ?? error, departure, secret) };
  } finally {
    clearTimeout(expire);
  }
}
