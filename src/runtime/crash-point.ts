/**
 * Named instructions at which a test kills or stops its process, to show that any of them may be the last. Nothing but
 * a test sets an observer; without one a point does nothing.
 */
let observe: (name: string) => void = () => undefined;

export function crashPoint(name: string): void {
  observe(name);
}

/** Has `observer` told of every point that this process comes by. */
export function observeCrashPoints(observer: (name: string) => void): void {
  observe = observer;
}
