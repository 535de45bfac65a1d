import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../database/ledger-database.js';
import { AlertBoard } from '../events/alert-board.js';
import { type ResolvedOptions } from '../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../runtime/tokens.js';
import { LaunchInstant } from './launch-instant.js';
import { type Guarantee, guaranteeAt } from './metering-guarantee.js';
import { networkHint } from './refusal-text.js';
import { type Workload } from './workload.js';

/** Keeps the alert of software that goes on without having registered, and says which hours AWS may not bill. */
@Injectable()
export class UnregisteredWatch {
  private readonly logger = new Logger('MarketplaceContainer');
  private readonly launch: LaunchInstant;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {
    this.launch = new LaunchInstant(options.clock);
  }

  /** After each try that brought no answer. */
  async unregistered(productCode: string, { region }: Workload, why: string): Promise<void> {
    const { at: launchedAt } = this.launch;
    const guarantee = guaranteeAt(launchedAt, this.options.clock.now());
    await this.keepingOn(() =>
      this.alerts.raise(this.database, {
        kind: 'usageUnregistered',
        subject: productCode,
        severity: guarantee.kind === 'running' ? 'warning' : 'critical',
        message: `${productCode} runs without having registered: ${why}. ${textOf(guarantee)} ${networkHint(region)}`,
        details: { guarantee: guarantee.kind, launchedAt, until: guarantee.until, ...guarantee.hours },
      }),
    );
  }

  async registered(productCode: string): Promise<void> {
    await this.keepingOn(() => this.alerts.resolve(this.database, 'usageUnregistered', productCode));
  }

  /** An alert that cannot be kept must not end what it warns of. */
  private async keepingOn(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      this.logger.error(`The alert usageUnregistered cannot be kept: ${String(error)}`);
    });
  }
}

function textOf({ kind, hours, until }: Guarantee): string {
  const [from, to, by] = [hours.from, hours.to, until].map((instant) => `${instant.toISOString().slice(0, 16)}Z`);
  if (kind === 'lost')
    return `AWS does not guarantee to bill the hours from ${from} to ${to} any more; the running month's until ${by}.`;
  return `AWS bills the hours from ${from} to ${to} if it registers before ${by}.`;
}
