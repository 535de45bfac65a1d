import { setTimeout as sleepFor } from 'node:timers/promises';
import * as timers from 'node:timers';

/**
 * Node's own timers, as they were when the module was loaded. Tests of hosts put others in their place (node's
 * `mock.timers`, jest, vitest), whose time stands still; whoever waits for the database waits in real time. Taken from
 * `node:timers`, which jest leaves alone also where its timers are fake from the start.
 */
export const { setTimeout, clearTimeout, setImmediate } = timers;

/** Resolves after `ms`, in real time. */
export const sleep: typeof sleepFor<void> = sleepFor;

/** Monotonic clock of this process, in ms. */
export const monotonicMs: () => number = performance.now.bind(performance);
