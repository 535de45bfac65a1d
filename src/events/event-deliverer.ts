import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { Waker } from '../runtime/waker.js';
import { INSTANCE_NAME, JobScheduler } from '../runtime/job-scheduler.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { AlertBoard } from './alert-board.js';
import { DeliveryLine } from './delivery-line.js';
import { releaseLost, selectAway, touchHandlers } from './event-handler.sql.js';
import { awaySubjectsOf, type EventHandler, EventHandlers } from './event-handlers.js';

// Machine time. Far apart, so that a deployment or a restart is no alarm.
const PRESENCE_INTERVAL_MS = 60_000;
export const AWAY_MS = 3_600_000;

/** The job `deliver`: hands events to the handlers of this process. */
@Injectable()
export class EventDeliverer {
  private lines: ReadonlyMap<EventHandler, DeliveryLine> = new Map();
  private nextPresence = -Infinity;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly handlers: EventHandlers,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    scheduler: JobScheduler,
    @Optional() @Inject(INSTANCE_NAME) private readonly instanceName?: string,
  ) {
    scheduler.add({ name: 'deliver', intervalMs: options.jobs.deliverIntervalMs, run: (signal) => this.run(signal) });
  }

  /**
   * Ends when there is nothing to deliver now. While one handler is at work the others go on to hear the waker and the
   * tick.
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.showPresence();
    const { options, database, alerts, waker, handlers, instanceName = null } = this;
    if (this.lines.size === 0) {
      this.lines = new Map(
        handlers.all.map((handler) => [
          handler,
          new DeliveryLine(handler, { options, database, alerts, waker, instanceName }),
        ]),
      );
    }
    const open = new Set<Promise<void>>();
    const failures: unknown[] = [];
    const follow = (begun: Promise<void>): void => {
      const work: Promise<void> = begun
        .catch((error: unknown) => void failures.push(error))
        .finally(() => open.delete(work));
      open.add(work);
    };
    const drainAll = (): void => {
      for (const line of this.lines.values()) follow(line.drain(signal));
    };
    drainAll();
    const silence = waker.onWake('deliver', drainAll);
    const tick = setInterval(() => {
      // A handler that is at work for hours, or has as much before it, is not away.
      follow(this.showPresence());
      drainAll();
    }, options.jobs.deliverIntervalMs);
    try {
      while (open.size > 0) await Promise.race(open);
    } finally {
      silence();
      clearInterval(tick);
    }
    if (failures.length > 0) throw failures[0];
  }

  private async showPresence(): Promise<void> {
    if (performance.now() < this.nextPresence) return;
    const { sellerAccount } = this.options;
    let isShown = true;
    if (this.handlers.all.length > 0) {
      isShown = await touchHandlers(this.database, sellerAccount, this.handlers.all);
      await releaseLost(this.database, sellerAccount, this.handlers.all);
      await this.alerts.resolve(this.database, 'handlerAway', this.handlers.all.flatMap(awaySubjectsOf));
    }
    for (const { id, type, last_seen_at: lastSeenAt } of await selectAway(this.database, sellerAccount, AWAY_MS)) {
      await this.alerts.raise(this.database, {
        kind: 'handlerAway',
        subject: `${id} ${type}`,
        severity: 'warning',
        message:
          `Events ${type} wait for the handler ${id}, which no process has had for them since ` +
          `${lastSeenAt.toISOString()}. Start the process that has ` +
          'it; if it is gone for good, or has another name now, retire it with EventDeliveries.',
      });
    }
    // Whose deliveries were just being claimed is shown with the next tick.
    if (isShown) this.nextPresence = performance.now() + PRESENCE_INTERVAL_MS;
  }
}
