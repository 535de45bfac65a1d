/**
 * The id of an attempt, carried in the user agent of its call: CloudTrail keeps the user agent of every call, also of
 * one whose content it leaves out, and whose answer never reached us.
 */
const NAME = 'attempt';

/** The part of an SDK command that a middleware is added to. */
interface Command {
  middlewareStack: { add(middleware: never, options: typeof BEGINNING): void };
}

interface Context {
  userAgent?: [name: string, version?: string][];
}

const BEGINNING = { step: 'initialize', name: 'marketplaceAttempt' } as const;

/**
 * Has the one call that is made with `command` name its attempt: `attempt/<id>` in its user agent. Per command, for a
 * client is shared by all attempts; through the SDK's context, for it writes the header itself.
 */
export function markAttempt(command: Command, attemptId: string): void {
  const marking =
    (next: (args: unknown) => Promise<unknown>, context: Context) =>
    (args: unknown): Promise<unknown> => {
      context.userAgent = [...(context.userAgent ?? []), [NAME, attemptId]];
      return next(args);
    };
  command.middlewareStack.add(marking as never, BEGINNING);
}

const MARK = new RegExp(`(?:^|\\s)${NAME}/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\\s|$)`);

/** The id that `markAttempt` has put into a user agent, or null where there is none. */
export function attemptIdOf(userAgent: string): string | null {
  return MARK.exec(userAgent)?.[1] ?? null;
}
