/**
 * Software that runs in a buyer's account: products of type `container` and `ami`. Of these, and of their products, only
 * the code decides: environment variables are the buyer's there, see [container](container.md).
 */
export interface ContainerOptions {
  /**
   * What this process runs on, in place of all look-ups.
   *
   * Give it in tests and on a developer's machine, where no platform can be asked; never in a release.
   *
   * @range an object with `id`, `region` and `startedAt`
   * @defaultValue none: the instance, task or pod, as its platform tells it
   * @environment none
   */
  resource?: { id: string; region: string; startedAt: Date } | undefined;
  /**
   * Whether this process serves: one that does registers, or asks for permission, before it is ready.
   *
   * Give true for a microservice or worker that is the product itself; false for a server that is none of it.
   *
   * @range true or false
   * @defaultValue none: true where the application has an HTTP server
   * @environment none
   */
  serves?: boolean | undefined;
  /**
   * How long the first call may be tried while AWS throttles, fails or cannot be reached. The process is alive and not
   * ready meanwhile, and ends after it.
   *
   * Lower it where an orchestrator should rather place the software anew.
   *
   * @unit ms
   * @range 0 to 86,400,000 (24 h)
   * @defaultValue 1,800,000 (30 min)
   * @environment none
   */
  startPatienceMs?: number | undefined;
  /**
   * The first call is made at a random instant within it, because all of a buyer's software shares five calls a second.
   *
   * Raise it to a minute where hundreds of tasks or pods start together; 0 makes the call at once.
   *
   * @unit ms
   * @range 0 to 600,000 (10 min)
   * @defaultValue 5,000 (5 s)
   * @environment none
   */
  startJitterMs?: number | undefined;
  /**
   * How long the application's start waits for the first answer before it listens, not ready, and goes on trying.
   *
   * Lower it where a liveness probe must be answered sooner.
   *
   * @unit ms
   * @range 0 to 86,400,000 (24 h)
   * @defaultValue 15,000 (15 s)
   * @environment none
   */
  listenAfterMs?: number | undefined;
  /**
   * Ends the process when the software must not start.
   *
   * Give your own to tell somebody first; where it returns, the application's start fails with the error.
   *
   * @range a function of an exit code and the error
   * @defaultValue none: `process.exit(code)`
   * @environment none
   */
  exit?: ((code: number, error: Error) => void) | undefined;
}

/** What a container that AWS bills by the hour needs for RegisterUsage. */
export interface RegisterUsageOptions {
  /**
   * Public keys of the listing by their versions, as its page in the AWS Marketplace Management Portal shows them. They
   * are asked for in the order of their versions.
   *
   * Add the next version when AWS announces it, and keep the old one until releases with it are gone.
   *
   * @range by version, from 1: PEM, with line ends or `\n`, or base64 of it; RSA, at least 2,048 bits
   * @defaultValue none: required in `registerUsage`
   * @environment none
   */
  publicKeys: Record<string, string>;
  /**
   * Whether the software goes on, unregistered, where AWS cannot be reached for `container.startPatienceMs`. It tries
   * for ever then, with the alert `usageUnregistered`. A refusal ends it all the same.
   *
   * Give true where the buyer's work matters more than the hours that AWS may not bill.
   *
   * @range true or false
   * @defaultValue none: the process ends
   * @environment none
   */
  failOpen?: boolean | undefined;
}
