import { type CallFailure, callFailureOf, type Departure } from './aws-error.js';

interface Command {
  middlewareStack: {
    add(
      middleware: (next: (args: never) => Promise<never>) => (args: never) => Promise<never>,
      options: { step: 'deserialize'; priority: 'low'; name: string },
    ): void;
  };
}

export type SdkAnswer<Output> = { kind: 'answered'; output: Output } | { kind: 'failed'; failure: CallFailure; error: unknown };

/**
 * One call through the SDK, within `timeoutMs` (monotonic) for all of it: the SDK heeds the signal once the request is out, a credentials provider
 * that hangs does not. Never throws.
 */
export async function callSdk<Output>(
  command: Command,
  timeoutMs: number,
  send: (signal: AbortSignal) => Promise<Output>,
): Promise<SdkAnswer<Output>> {
  let departure: Departure = 'held';
  command.middlewareStack.add(
    (next) => (args) => {
      departure = 'left';
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'marketplaceDeparture' },
  );
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
    return { kind: 'answered', output: await Promise.race([send(timeout.signal), expired]) };
  } catch (error) {
    return { kind: 'failed', failure: callFailureOf(error, departure), error };
  } finally {
    clearTimeout(expire);
  }
}
