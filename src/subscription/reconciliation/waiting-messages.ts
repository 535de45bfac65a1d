// Messages of agreements that nobody knows: whose they are, and who is told of them.
import { Inject, Injectable, Logger } from '@nestjs/common';
import { AgreementGateway } from '../../aws/agreement-gateway.js';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { HOUR_MS, plusMs } from '../../runtime/clock.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { productLabelOf } from '../chain/aws-names.js';
import { ignoreWaiting } from '../inbox/message.sql.js';
import { ProductCatalog } from '../product-catalog.js';
import { selectListed } from '../product.sql.js';
import {
  countWaiting,
  labelOfAgreement,
  putOffUnplaced,
  selectProductIds,
  takeUnplaced,
} from './waiting-messages.sql.js';

/** A registration, or License Updated, comes within minutes. Business time. */
const WAITING_MS = HOUR_MS;
/** Machine time. For one question, the quota included. */
const PATIENCE_MS = 60_000;
/** In one run: others are asked about in the next. */
const ASKED_MAX = 20;
const SUBJECT = 'inbox';

/**
 * EventBridge tells of all products of the seller, and names of an agreement no product, so what waits for a buyer may
 * be of a listing that is none of ours. AWS is asked, once for each agreement; what is none of ours is set aside, and a
 * person is told of the rest.
 */
@Injectable()
export class WaitingMessages {
  private readonly logger = new Logger('MarketplaceReconciliation');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly agreements: AgreementGateway,
    private readonly alerts: AlertBoard,
  ) {}

  async run(signal?: AbortSignal): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const before = plusMs(now, -WAITING_MS);
    // What another service of the ledger lists is not set aside here, and stands in the one alert of both.
    const productCodes = await selectListed(this.database, sellerAccount, this.productCodes, now);
    const productIds = await this.productIds(productCodes);
    // While the id of a listing of ours is not known, any might be it.
    if (productIds !== null) await this.setAside(before, productIds, signal);
    await this.report(before, { productCodes, productIds });
  }

  private async setAside(before: Date, ours: readonly string[], signal?: AbortSignal): Promise<void> {
    const { sellerAccount } = this.options;
    // Software in a buyer's account has credentials by which AWS tells nothing of agreements.
    const product = this.products.all.find(({ type }) => type === 'saas');
    for (let asked = 0; product && asked < ASKED_MAX && signal?.aborted !== true; asked += 1) {
      const agreementId = await takeUnplaced(this.database, sellerAccount, before);
      if (agreementId === null) return;
      const answer = await this.agreements.describe(product.region, agreementId, { patienceMs: PATIENCE_MS, signal });
      if (answer.kind === 'failed') return;
      const told = answer.kind === 'answered' ? answer.agreement.productIds : [];
      const [other] = told;
      if (other === undefined || told.some((id) => ours.includes(id))) {
        await putOffUnplaced(this.database, sellerAccount, agreementId);
        continue;
      }
      this.logger.log(`messages of an agreement at product ${other}, which is not listed, are set aside`);
      const error = `its agreement is one of product ${other}, which is not listed in the options`;
      const names = [labelOfAgreement(agreementId)];
      await ignoreWaiting(this.database, sellerAccount, {
        names,
        productLabel: productLabelOf({ productId: other }),
        error,
      });
    }
  }

  private async report(
    before: Date,
    listed: { productCodes: readonly string[]; productIds: readonly string[] | null },
  ): Promise<void> {
    const { count, oldest } = await countWaiting(this.database, this.options.sellerAccount, before, listed);
    if (count === 0) {
      await this.alerts.resolve(this.database, 'contradiction', SUBJECT);
      return;
    }
    await this.alerts.raise(this.database, {
      kind: 'contradiction',
      subject: SUBJECT,
      severity: 'warning',
      message:
        `${count} lifecycle message(s), the oldest of ${oldest?.toISOString() ?? 'unknown'}, speak of agreements ` +
        'that no buyer has registered. They are kept and ' +
        'applied when one does; a buyer who has paid may need help to reach the registration page.',
      details: { messages: count },
    });
  }

  private get productCodes(): string[] {
    return this.products.all.filter(({ type }) => type === 'saas').map(({ productCode }) => productCode);
  }

  /** Null while a listing's entity id is not known. */
  private async productIds(productCodes: readonly string[]): Promise<string[] | null> {
    const told = await selectProductIds(this.database, this.options.sellerAccount, productCodes);
    const installed = this.products.all.filter(({ type }) => type !== 'saas').map(({ productCode }) => productCode);
    const ids: string[] = [];
    for (const code of new Set([...productCodes, ...installed])) {
      const productId = this.products.get(code)?.productId;
      const known = [
        ...(productId === undefined ? [] : [productId]),
        ...told.filter((row) => row.productCode === code).map((row) => row.productId),
      ];
      if (known.length === 0) return null;
      ids.push(...known);
    }
    return ids;
  }
}
