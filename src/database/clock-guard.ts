import { Inject, Injectable } from '@nestjs/common';
import { DatabaseClock } from '../options/clock.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { monotonicMs } from '../runtime/real-time.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LedgerDatabase } from './ledger-database.js';

const ALERT_SKEW_MS = 60_000;
/** A longer way to the database and back leaves open by how much its time is old. */
const SLOW_MS = 10_000;
/** Within one comparison the two clocks of this machine go alike but for this. */
const JUMP_MS = 5_000;
/** So often the database is asked until a comparison is sound; then the last one counts. */
const COMPARISONS_MAX = 3;

export type ClockVerdict = 'trusted' | 'skewed' | 'refused';

/**
 * What a skew between this machine and the database means: an alert above a minute, no decision about money above the
 * settle delay (at least a minute).
 */
export function clockVerdictOf(skewMs: number, settleDelayMs: number): ClockVerdict {
  if (Math.abs(skewMs) <= ALERT_SKEW_MS) return 'trusted';
  return Math.abs(skewMs) <= Math.max(settleDelayMs, ALERT_SKEW_MS) ? 'skewed' : 'refused';
}

/** One question to the database, between two looks at the clocks of this machine. Times in ms. */
export interface ClockComparison {
  wallBefore: number;
  wallAfter: number;
  /** By the clock that never jumps. */
  roundTripMs: number;
  databaseTime: number;
}

/**
 * Whether a comparison tells how the clocks stand now: the wall clock was not set while the answer was on its way, this
 * machine was not suspended, and the answer was no old one.
 */
export function isSound({ wallBefore, wallAfter, roundTripMs }: ClockComparison): boolean {
  return roundTripMs <= SLOW_MS && Math.abs(wallAfter - wallBefore - roundTripMs) <= JUMP_MS;
}

/**
 * How far the wall clock is ahead of the database's. By the wall clock after the answer alone: a mean of before and
 * after would be neither, where it was set in between.
 */
export function skewOf({ wallAfter, roundTripMs, databaseTime }: ClockComparison): number {
  return Math.round(wallAfter - roundTripMs / 2 - databaseTime);
}

/** Compares this machine's wall clock with the database's. */
@Injectable()
export class ClockGuard {
  private readonly checks = new SingleFlight<unknown>();

  constructor(
    private readonly database: LedgerDatabase,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** Whether usage dated now could be dated wrong: the wall clock has jumped since it was compared last. */
  get hasJumped(): boolean {
    const { clock } = this.options;
    return clock instanceof DatabaseClock && clock.hasJumped();
  }

  /**
   * Before something is dated that no job dates: jobs compare the clock before they decide. Puts it right after a jump,
   * once for all who ask meanwhile, and again where it was set once more. Rejects while the database does not answer.
   */
  async settled(): Promise<void> {
    while (this.hasJumped) await this.checks.share('jump', () => this.check());
  }

  /** How far the wall clock here is ahead of the database's, in ms, and what follows from it. */
  async check(): Promise<{ skewMs: number; verdict: ClockVerdict }> {
    let comparison = await this.compare();
    for (let tries = 1; !isSound(comparison) && tries < COMPARISONS_MAX; tries += 1) comparison = await this.compare();
    const skewMs = skewOf(comparison);
    const { clock } = this.options;
    if (clock instanceof DatabaseClock) clock.follow(skewMs);
    return { skewMs, verdict: clockVerdictOf(skewMs, this.options.settleDelayMs) };
  }

  private async compare(): Promise<ClockComparison> {
    const wallBefore = Date.now();
    const before = monotonicMs();
    const [row] = await this.database.query<{ now: Date }>(`SELECT clock_timestamp() AS now`);
    const roundTripMs = monotonicMs() - before;
    const wallAfter = Date.now();
    return { wallBefore, wallAfter, roundTripMs, databaseTime: row?.now.getTime() ?? wallAfter - roundTripMs / 2 };
  }
}
