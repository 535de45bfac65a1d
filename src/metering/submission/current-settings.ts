import { Inject, Injectable } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { differingSettings, moneySettingsOf } from '../../subscription/money-settings.js';
import { selectSettings } from '../../subscription/product.sql.js';

/**
 * Two replicas with other settings (another mode, another endpoint, another reading of AWS) must not both decide about
 * money: the database says which settings are in force, by generation, and the others wait.
 */
@Injectable()
export class CurrentSettings {
  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /** After the products were brought in line: whoever else still differs says so again. */
  async tellAtStart(): Promise<void> {
    for (const { productCode } of this.options.products)
      if (await this.areCurrent(this.database, productCode))
        await this.alerts.resolve(this.database, 'settingsDiffer', productCode);
  }

  /** Of every product that is listed: asked where hours are sealed and deadlines decided. */
  async areAllCurrent(): Promise<boolean> {
    const current = [];
    for (const { productCode } of this.options.products)
      current.push(await this.areCurrent(this.database, productCode));
    return current.every(Boolean);
  }

  /** Asked in the transaction that claims. Where they are not, an alert names each option that differs. */
  async areCurrent(tx: LedgerSql, productCode: string): Promise<boolean> {
    const product = this.options.products.find((listed) => listed.productCode === productCode);
    // No longer listed here: its records still go out, as they were sealed.
    if (product === undefined) return true;
    const inForce = await selectSettings(tx, this.options.sellerAccount, productCode);
    const differing = differingSettings(moneySettingsOf(this.options, product), inForce?.settings ?? null);
    if (inForce === null || differing.length === 0) return true;
    await this.alerts.raise(tx, {
      kind: 'settingsDiffer',
      subject: productCode,
      severity: 'critical',
      message:
        `A process seals and sends no usage of product ${productCode}: its settings are not those in force ` +
        `(generation ${inForce.generation}; ${differing.join('; ')}). Where it is an old one, stop it or give it the ` +
        'settings in force. Where its settings are right, start it with settingsRevision (' +
        `MARKETPLACE_SETTINGS_REVISION) ${inForce.revision + 1} or higher: they come into force then.`,
      details: { differing, generation: inForce.generation },
    });
    return false;
  }
}
