/** Recording and taking: an event is queued by its own INSERT and leaves the queue only into a rollup. */
export const USAGE_GUARDS: readonly string[] = [];
