import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { isInstallation, type ResolvedOptions } from '../../options/resolved-options.js';
import { redactedText } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import {
  type MeteringSender,
  releaseSender,
  renewSender,
  selectInstalled,
  takeSender,
} from '../settlement/metering-sender.sql.js';
import { METERING_RESOURCE, type MeteringResource, type MeteringResourceSource } from './metering-resource.js';
import { StrandedRecords } from './stranded-records.js';

/**
 * Which replica sends for a ledger in a buyer's account: one at a time for each product, by a lease in the database. It
 * lasts as long as the lease of a record, and each run and each claim renews it. Who has lost it claims nothing more;
 * what it has claimed is bound to its resource.
 */
@Injectable()
export class SenderLease {
  private readonly logger = new Logger('MarketplaceSubmission');
  private readonly holder = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  private readonly held = new Set<string>();
  private resource: MeteringResource | null = null;

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly stranded: StrandedRecords,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
    @Inject(METERING_RESOURCE) private readonly source: MeteringResourceSource,
  ) {}

  get region(): string | null {
    return this.resource?.region ?? null;
  }

  holds(productCode: string): boolean {
    return this.held.has(productCode);
  }

  get holdsAny(): boolean {
    return this.held.size > 0;
  }

  /** Takes or keeps what is to be had, and frees what waits for a resource that sends no more. */
  async take(): Promise<void> {
    if (!isInstallation(this.options)) return;
    const { sellerAccount, submission } = this.options;
    const before = new Set(this.held);
    this.held.clear();
    const products = await selectInstalled(this.database, sellerAccount);
    const resource = await this.find(products);
    if (resource === null) return;
    for (const productCode of products) {
      const candidate = { holder: this.holder, resource, leaseMs: submission.leaseMs };
      if (!(await takeSender(this.database, sellerAccount, productCode, candidate))) continue;
      this.held.add(productCode);
      if (!before.has(productCode))
        this.logger.log('this replica sends from now on', { product: productCode, region: resource.region });
      if (await this.stranded.release(productCode)) this.waker.wake('seal');
    }
  }

  /** In the transaction that claims. @returns null where another sends by now */
  async renew(tx: LedgerSql, productCode: string): Promise<MeteringSender | null> {
    const { sellerAccount, submission } = this.options;
    const sender = await renewSender(tx, sellerAccount, productCode, {
      holder: this.holder,
      leaseMs: submission.leaseMs,
    });
    if (sender === null && this.held.delete(productCode))
      this.logger.warn('another replica sends by now', { product: productCode });
    return sender;
  }

  /** Lets another replica send at once. */
  async release(): Promise<void> {
    this.held.clear();
    await releaseSender(this.database, this.options.sellerAccount, this.holder);
  }

  private async find(products: readonly string[]): Promise<MeteringResource | null> {
    const subjects = products.map((productCode) => `${productCode}/resource`);
    try {
      this.resource = await this.source();
      await this.alerts.resolve(this.database, 'setupError', subjects);
      return this.resource;
    } catch (error) {
      for (const subject of subjects)
        await this.alerts.raise(this.database, {
          kind: 'setupError',
          subject,
          severity: 'critical',
          message:
            'This process cannot learn on which resource it runs, and so sends nothing: ' +
            `${redactedText((error as Error).message)}. Usage is recorded and sealed meanwhile.`,
        });
      return null;
    }
  }
}
