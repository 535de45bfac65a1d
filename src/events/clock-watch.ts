import { hostname } from 'node:os';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ClockGuard } from '../database/clock-guard.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { AlertBoard } from './alert-board.js';

/** How often a process compares its clock that runs no job: what it records and answers is dated by it. */
const INTERVAL_MS = 60_000;

/**
 * Asked first by every job that decides about money: a replica whose clock is wrong would seal hours that have not
 * ended, give up what is not lost, or end what goes on. It touches nothing, and tells.
 */
@Injectable()
export class ClockWatch implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;
  private isAlertOpen: boolean | null = null;

  constructor(
    private readonly guard: ClockGuard,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /** Before the first request is served. */
  async onModuleInit(): Promise<void> {
    await this.isTrusted();
  }

  /** Not before: an application whose start fails is never closed. */
  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      // Another process of this machine may have raised the alert, and be gone.
      this.isAlertOpen = null;
      void this.isTrusted().catch(() => undefined);
    }, INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** Does `work` while the clock is trusted, else nothing. */
  whileTrusted(work: (signal: AbortSignal) => Promise<void>): (signal: AbortSignal) => Promise<void> {
    return async (signal) => {
      if (await this.isTrusted()) await work(signal);
    };
  }

  /** Whether the clock here is near enough to the database's to decide by; an alert tells where it is not right. */
  async isTrusted(): Promise<boolean> {
    const { skewMs, verdict } = await this.guard.check();
    const subject = hostname();
    if (verdict === 'trusted') {
      if (this.isAlertOpen !== false) await this.alerts.resolve(this.database, 'clockSkew', subject);
      this.isAlertOpen = false;
      return true;
    }
    this.isAlertOpen = true;
    await this.alerts.raise(this.database, {
      kind: 'clockSkew',
      subject,
      severity: verdict === 'refused' ? 'critical' : 'warning',
      message:
        `The clock of ${subject} is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the database's. ` +
        (verdict === 'refused'
          ? 'It seals, sends and decides nothing until they agree; check time synchronisation.'
          : 'Check time synchronisation.'),
    });
    return verdict !== 'refused';
  }
}
