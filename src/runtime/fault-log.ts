import { type Logger } from '@nestjs/common';
import { monotonicMs } from './real-time.js';

/** The second line comes this long after the first, each further one after twice the time. */
const FIRST_DISTANCE_MS = 60_000;
const LAST_DISTANCE_MS = 3_600_000;
/** What fails again this soon after it has worked has not ceased to fail. */
const CALM_MS = 600_000;
const SUBJECTS_MAX = 1000;

/** One failure, as it is to be told. */
export interface Failure {
  /** What failed, and with what: whole. No identifier of a buyer, no secret. */
  line: string;
  /** Told with the first line alone. */
  stack?: string | undefined;
  fields?: Readonly<Record<string, unknown>>;
}

interface Fault {
  sinceMs: number;
  times: number;
  distanceMs: number;
  tellAtMs: number;
  /** Whether its end is to be told: something was told of it since it last worked. */
  isTold: boolean;
  /** Null while it fails. */
  worksSinceMs: number | null;
}

/**
 * What goes on failing is told whole at its start, then in one line at growing distances (after 1, 3, 7, 15, 31 minutes,
 * and then each hour), and in one when it is over. So an hour’s outage is half a dozen lines, however often it is tried.
 * What fails and works by turns counts as failing.
 */
export class FaultLog {
  private readonly faults = new Map<string, Fault>();

  constructor(
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
    private readonly level: 'warn' | 'error',
    private readonly now: () => number = monotonicMs,
  ) {}

  failed(subject: string, { line, stack, fields }: Failure): void {
    const now = this.now();
    const known = this.faults.get(subject);
    const fault =
      known && (known.worksSinceMs === null || now - known.worksSinceMs < CALM_MS) ? known : this.begin(subject, now);
    fault.worksSinceMs = null;
    fault.times += 1;
    if (now < fault.tellAtMs) return;
    const isFirst = fault.times === 1;
    const still = isFirst ? '' : ` (for ${spanOf(now - fault.sinceMs)}, ${fault.times} times)`;
    this.tell(line + still, isFirst ? stack : undefined, fields);
    fault.isTold = true;
    fault.tellAtMs = now + fault.distanceMs;
    fault.distanceMs = Math.min(2 * fault.distanceMs, LAST_DISTANCE_MS);
  }

  /** @param line what works again; nothing is told of what did not fail */
  works(subject: string, line: string): void {
    const fault = this.faults.get(subject);
    if (fault?.worksSinceMs !== null) return;
    fault.worksSinceMs = this.now();
    if (!fault.isTold) return;
    fault.isTold = false;
    this.logger.log(
      `${line}, after ${spanOf(fault.worksSinceMs - fault.sinceMs)} and ${fault.times} failure${fault.times === 1 ? '' : 's'}`,
    );
  }

  private begin(subject: string, now: number): Fault {
    if (this.faults.size >= SUBJECTS_MAX) this.faults.clear();
    const fault: Fault = {
      ...{ sinceMs: now, times: 0, distanceMs: FIRST_DISTANCE_MS, tellAtMs: now, isTold: false, worksSinceMs: null },
    };
    this.faults.set(subject, fault);
    return fault;
  }

  private tell(line: string, stack: string | undefined, fields: Failure['fields']): void {
    if (this.level === 'warn') this.logger.warn(line, ...(fields === undefined ? [] : [fields]));
    else if (fields === undefined) this.logger.error(line, ...(stack === undefined ? [] : [stack]));
    else this.logger.error(line, fields);
  }
}

/** For a person: 45 s, 12 min, 3 h 5 min. */
export function spanOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1000)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
