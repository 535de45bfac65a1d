import { type Clock, DatabaseClock } from '../options/clock.js';
import { plusMs } from '../runtime/clock.js';

/**
 * When this process began. A machine that boots may put its wall clock right a moment later: by what it said first, the
 * software would have begun in the future, and could send nothing of the hours until then. So it is reckoned back, once,
 * from what the clock says when somebody first asks, which is after it was compared with the database's.
 */
export class LaunchInstant {
  private readonly beganAt = performance.now();
  private readonly said: Date;
  private reckoned: Date | null = null;

  constructor(private readonly clock: Clock) {
    this.said = clock.now();
  }

  get at(): Date {
    // Business time of a test or a demo does not go by with the machine's.
    if (!(this.clock instanceof DatabaseClock)) return this.said;
    this.reckoned ??= plusMs(this.clock.now(), this.beganAt - performance.now());
    return this.reckoned;
  }
}
