/**
 * Injection token of the clock that Larkspur shares with the metering module: the wall clock in production, a faster
 * one in the demo.
 */
export const LARKSPUR_CLOCK = Symbol('larkspur clock');
