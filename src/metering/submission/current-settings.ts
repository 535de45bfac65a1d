import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { differingSettings, moneySettingsOf } from '../../subscription/money-settings.js';
import { selectSettings } from '../../subscription/product.sql.js';

/**
 * Two replicas with other settings (another endpoint, another reading of AWS) must not both send: the process that
 * started last counts, and says so in the database.
 */
@Injectable()
export class CurrentSettings implements OnModuleInit {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /** This start counts: whoever still differs says so again. */
  async onModuleInit(): Promise<void> {
    const codes = this.options.products.map(({ productCode }) => productCode);
    await this.alerts.resolve(this.database, 'settingsDiffer', codes);
  }

  /** Asked in the transaction that claims. Where they are not, an alert names each option that differs. */
  async areCurrent(tx: SqlExecutor, productCode: string): Promise<boolean> {
    const product = this.options.products.find((listed) => listed.productCode === productCode);
    // No longer listed here: its records still go out, as they were sealed.
    if (product === undefined) return true;
    const stored = await selectSettings(tx, this.options.sellerAccount, productCode);
    const differing = differingSettings(moneySettingsOf(this.options, product), stored);
    if (differing.length === 0) return true;
    await this.alerts.raise(tx, {
      kind: 'settingsDiffer',
      subject: productCode,
      severity: 'critical',
      message:
        `A process does not send usage of product ${productCode}: another one started after it with other settings ` +
        `(${differing.join('; ')}). Give both the same and restart the one that is wrong: the last start counts.`,
      details: { differing },
    });
    return false;
  }
}
