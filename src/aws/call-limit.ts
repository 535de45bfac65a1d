/** What of an SDK client a limit is put on. */
interface Client {
  middlewareStack: { add(middleware: never, options: typeof OUTERMOST): void };
}

const OUTERMOST = { step: 'initialize', priority: 'high', name: 'marketplaceCallLimit' } as const;

/** A call that was given up: its name is what the SDK gives its own. */
function noAnswer(limitMs: number): Error {
  return Object.assign(new Error(`no answer within ${limitMs} ms`), { name: 'TimeoutError' });
}

/**
 * Ends each call of a client after a while, whatever it waits for. The SDK's `requestTimeout` counts for one attempt,
 * up to the head of its answer; a credentials provider that hangs, an answer that stops half-way and further attempts
 * come on top.
 * @param limitOf how long the call with this input may take, in milliseconds
 * @param signal ends all calls that are under way
 */
export function limitCalls(client: Client, limitOf: (input: unknown) => number, signal: AbortSignal): void {
  const limiting =
    (next: (args: unknown) => Promise<unknown>) =>
    async (args: unknown): Promise<unknown> => {
      const limitMs = limitOf((args as { input: unknown }).input);
      let expire: NodeJS.Timeout | undefined;
      let cut = (): void => undefined;
      const ended = new Promise<never>((_, reject) => {
        expire = setTimeout(() => {
          reject(noAnswer(limitMs));
        }, limitMs);
        cut = () => {
          reject(Object.assign(new Error('the application closes'), { name: 'AbortError' }));
        };
        signal.addEventListener('abort', cut);
        if (signal.aborted) cut();
      });
      try {
        return await Promise.race([next(args), ended]);
      } finally {
        clearTimeout(expire);
        signal.removeEventListener('abort', cut);
      }
    };
  client.middlewareStack.add(limiting as never, OUTERMOST);
}
