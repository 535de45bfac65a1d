import { Inject, Injectable } from '@nestjs/common';
import { DatabaseClock } from '../options/clock.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { SingleFlight } from '../runtime/single-flight.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LedgerDatabase } from './ledger-database.js';

const ALERT_SKEW_MS = 60_000;

export type ClockVerdict = 'trusted' | 'skewed' | 'refused';

/**
 * What a skew between this machine and the database means: an alert above a minute, no decision about money above the
 * settle delay (at least a minute).
 */
export function clockVerdictOf(skewMs: number, settleDelayMs: number): ClockVerdict {
  if (Math.abs(skewMs) <= ALERT_SKEW_MS) return 'trusted';
  return Math.abs(skewMs) <= Math.max(settleDelayMs, ALERT_SKEW_MS) ? 'skewed' : 'refused';
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
   * Before something is dated that no job dates: jobs compare the clock before they decide. Rejects after a jump while
   * the database does not answer.
   */
  async settled(): Promise<void> {
    if (this.hasJumped) await this.afterJump();
  }

  /** Puts the clock right after a jump, once for all who ask meanwhile. Rejects while the database does not answer. */
  async afterJump(): Promise<void> {
    await this.checks.share('jump', () => this.check());
  }

  /**
   * How far the wall clock here is ahead of the database's, in ms (half of the round trip taken off), and what follows
   * from it.
   */
  async check(): Promise<{ skewMs: number; verdict: ClockVerdict }> {
    const before = Date.now();
    const [row] = await this.database.query<{ now: Date }>(`SELECT clock_timestamp() AS now`);
    const middle = (before + Date.now()) / 2;
    const skewMs = Math.round(middle - (row?.now.getTime() ?? middle));
    const { clock } = this.options;
    if (clock instanceof DatabaseClock) clock.follow(skewMs);
    return { skewMs, verdict: clockVerdictOf(skewMs, this.options.settleDelayMs) };
  }
}
