import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { AwsClients } from '../aws/aws-clients.js';
import { LedgerDatabase } from '../database/ledger-database.js';
import { ClockWatch } from '../events/clock-watch.js';
import { isInstallation, type ResolvedOptions } from '../options/resolved-options.js';
import { crashPoint } from '../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { UsageRecorder } from './recording/usage-recorder.js';
import { HourSealer } from './sealing/hour-sealer.js';
import { selectUnsent } from './settlement/unsent-usage.sql.js';
import { BatchSubmitter } from './submission/batch-submitter.js';
import { CurrentSettings } from './submission/current-settings.js';
import { SenderLease } from './submission/sender-lease.js';

/** So long before the platform ends the process everything is done, or given up. */
const RESERVE_MS = 5000;

/**
 * What a product in its buyer's account does at the end of its process, for its ledger may end with it: intake stops,
 * ended hours go out first, the one that is due earliest before all others, then, with `onShutdown: 'flush'`, the
 * running hour. Only the replica that sends does so.
 */
@Injectable()
export class ShutdownFlush implements OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger('MarketplaceShutdown');
  private begunAt: number | null = null;
  private ended: Promise<void> | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    clients: AwsClients,
    private readonly recorder: UsageRecorder,
    private readonly sealer: HourSealer,
    private readonly submitter: BatchSubmitter,
    private readonly lease: SenderLease,
    private readonly clock: ClockWatch,
    private readonly settings: CurrentSettings,
  ) {
    if (!isInstallation(options)) return;
    clients.beforeClose(() => this.onApplicationShutdown());
    database.beforeClose(() => this.onApplicationShutdown());
  }

  /** The first that Nest tells of the end: from here the platform counts. */
  onModuleDestroy(): void {
    this.begunAt ??= performance.now();
  }

  /** After the HTTP server has closed: what it was serving still records its usage. */
  onApplicationShutdown(): Promise<void> {
    this.ended ??= this.end();
    return this.ended;
  }

  private async end(): Promise<void> {
    await this.recorder.onApplicationShutdown();
    if (!isInstallation(this.options)) return;
    const spent = performance.now() - (this.begunAt ?? performance.now());
    const leftMs = Math.max(0, this.options.submission.shutdownGraceMs - RESERVE_MS - spent);
    const giveUp = new AbortController();
    const work = new AbortController();
    const timeUp = sleep(leftMs, undefined, { signal: giveUp.signal })
      .catch(() => undefined)
      .then(() => {
        work.abort();
      });
    try {
      // What is in the air when the time is up stays uncertain in the ledger, as after a kill.
      await Promise.race([timeUp, this.flush(work.signal)]);
    } catch (error) {
      this.logger.error(`the last usage could not be sent: ${(error as Error).message}`, (error as Error).stack);
    } finally {
      giveUp.abort();
      this.database.connections.close();
      await this.tellLeft().catch(() => undefined);
      await this.lease.release().catch(() => undefined);
    }
  }

  private async flush(signal: AbortSignal): Promise<void> {
    // A process whose jobs never run sends nothing, unless it was asked to.
    if (!this.options.jobs.autoStart && !this.lease.holdsAny) return;
    if (!(await this.clock.isTrusted()) || !(await this.settings.areAllCurrent())) return;
    await this.lease.take();
    if (!this.lease.holdsAny) return;
    await this.sealer.run(signal);
    await this.submitter.run(signal);
    const flushed = this.options.products.filter(({ onShutdown }) => onShutdown === 'flush');
    if (flushed.length === 0 || signal.aborted) return;
    await this.sealer.sealRunningHour(flushed.map(({ productCode }) => productCode));
    crashPoint('shutdown.sealed');
    await this.submitter.run(signal);
  }

  /** With hours and units: whoever reads the log can tell what a successor, or nobody, will send. */
  private async tellLeft(): Promise<void> {
    const codes = this.options.products.map(({ productCode }) => productCode);
    for (const { productCode, dimension, hour, units } of await selectUnsent(
      this.database,
      this.options.sellerAccount,
      codes,
    )) {
      this.logger.warn('usage stays in the ledger at the shutdown', {
        product: productCode,
        dimension,
        hour: hour.toISOString(),
        units,
      });
    }
  }
}
