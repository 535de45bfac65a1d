import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type SqlExecutor } from '../../database/ledger-database.js';
import { AlertBoard } from '../../events/alert-board.js';
import { type NewMarketplaceEvent } from '../../events/marketplace-event.js';
import { Outbox } from '../../events/outbox.js';
import { type ProductOptions, type ResolvedOptions } from '../../marketplace-metering.options.js';
import { Waker } from '../../runtime/waker.js';
import { countMetric } from '../../runtime/metrics.js';
import { redactedText } from '../../runtime/redaction.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { ProductCatalog } from '../product-catalog.js';
import { aliasesOf, licenseIdOf, licenseOfMessage, nameOf, type SubscriptionIdentity } from '../chain/subscription-aliases.js';
import { SubscriptionRegistrar } from '../chain/subscription-registrar.js';
import { lockAliases, type RegistrarRow, selectByAliases, selectSubscription } from '../chain/subscription.sql.js';
import { LifeWriter } from '../chain/projection.js';
import { type LifecycleEvent, type SpokenOf } from './lifecycle-event.js';
import {
  fileMessage,
  type Filed,
  licensesOf,
  markEntitlementsChanged,
  moveAlias,
  type PendingMessage,
  putOff,
  selectUnfolded,
  takePending,
} from '../chain/lifecycle.sql.js';

const UNFOLDED_MAX = 200;

/** Starts that name product and buyer: the agreement exists, though its buyer may never have come to the landing page. */
const MAKES_KNOWN: ReadonlySet<string> = new Set(['license.updated', 'subscription.succeeded']);
const STARTS: ReadonlySet<string> = new Set(['license.updated', 'subscription.succeeded', 'agreement.created']);
const NAMES_OF_BUYER = ['license', 'customerIdentifier', 'account', 'agreement'];

/**
 * Files messages under the subscriptions that they speak of, and has their lives written. What speaks of an agreement that nobody knows waits until a
 * registration or another message makes it known; nothing that was received is ever dropped.
 */
@Injectable()
export class LifecycleFiling {
  private readonly logger = new Logger('MarketplaceLifecycle');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    private readonly database: LedgerDatabase,
    private readonly products: ProductCatalog,
    private readonly registrar: SubscriptionRegistrar,
    private readonly life: LifeWriter,
    private readonly outbox: Outbox,
    private readonly alerts: AlertBoard,
    private readonly waker: Waker,
  ) {}

  /** Files all that waits to be filed, one message a transaction: one that fails holds up no other. */
  async run(signal?: AbortSignal): Promise<void> {
    let changes = false;
    while (signal?.aborted !== true) {
      const taken = await this.fileOne();
      if (taken === null) break;
      changes ||= taken;
    }
    for (const id of await selectUnfolded(this.database, this.options.sellerAccount, this.options.clock.now(), UNFOLDED_MAX)) {
      changes = (await this.database.transaction((tx) => this.life.rewrite(tx, id))) || changes;
    }
    if (!changes) return;
    this.waker.wake('seal');
    this.waker.wake('deliver');
  }

  /** @returns whether a life changed; null when nothing waits */
  private async fileOne(): Promise<boolean | null> {
    let taken: PendingMessage | null = null;
    try {
      return await this.database.transaction(async (tx) => {
        taken = await takePending(tx, this.options.sellerAccount);
        return taken === null ? null : this.file(tx, taken);
      });
    } catch (error) {
      // TypeScript does not see the assignment inside the callback.
      const message = taken as PendingMessage | null;
      if (message === null) throw error;
      await this.fail(message, error as Error);
      return false;
    }
  }

  private async fail(message: PendingMessage, error: Error): Promise<void> {
    const { sellerAccount, notifications } = this.options;
    const why = redactedText(error.message);
    const isDeadLettered = await putOff(this.database, sellerAccount, message, {
      error: why,
      deadLetterAfterAttempts: notifications.deadLetterAfterAttempts,
    });
    this.logger.warn(`message ${message.messageId} (${message.event.type}) could not be applied: ${why}`, { isDeadLettered });
    if (!isDeadLettered) return;
    await this.alerts.raise(this.database, {
      kind: 'messageDeadLettered',
      subject: `${message.origin}:${message.messageId}`,
      severity: 'critical',
      message: `A lifecycle message (${message.event.type}) cannot be applied and is set aside: ${why}. The subscription it speaks of may stand wrong.`,
    });
  }

  private async file(tx: SqlExecutor, message: PendingMessage): Promise<boolean> {
    const { sellerAccount, clock } = this.options;
    const filed = await this.place(tx, message.event);
    await fileMessage(tx, sellerAccount, message, filed, clock.now());
    countMetric('marketplace.messages', 1, { type: message.event.type, state: filed.state });
    if (filed.state !== 'applied') return false;
    const changes = await this.life.rewrite(tx, filed.subscriptionId);
    await this.tell(tx, filed.subscriptionId, message.event, changes);
    return changes;
  }

  /** Which subscription an event speaks of. */
  private async place(tx: SqlExecutor, event: LifecycleEvent): Promise<Filed> {
    const { about } = event;
    if (about.subscriptionId !== undefined) {
      return this.placeKnown(tx, about.subscriptionId, about);
    }
    const product = this.productOf(about);
    if (about.productCode !== undefined && !product)
      return { state: 'ignored', error: `product ${about.productCode} is not listed in the options` };

    const identity = identityOf(about, product);
    const aliases = aliasesOf(identity, product?.identity ?? 'license');
    await lockAliases(tx, this.options.sellerAccount, aliases);
    const found = await selectByAliases(tx, this.options.sellerAccount, aliases);
    const { rows, ofOtherLicenses } = await this.sortByLicense(tx, found, event);
    const [row] = rows;
    if (row?.state === 'ended' && (await this.isNewAgreement(tx, row, event))) {
      const successor = await this.life.succeed(tx, { id: row.id, productCode: row.product_code }, NAMES_OF_BUYER);
      return { state: 'applied', subscriptionId: successor };
    }
    if (!row && !(product && MAKES_KNOWN.has(event.type))) {
      if (aliases.length === 0) return { state: 'ignored', error: 'it names no agreement, license or customer' };
      return { state: 'waiting', names: aliases.map(nameOf), error: 'no subscription is known by any of its names yet' };
    }
    // An agreement that is known with another license is that of a new subscription from now on, and must not make the two one.
    const joined = {
      ...identity,
      ...(ofOtherLicenses.length > 0 && { agreementId: undefined }),
      productCode: row?.product_code ?? identity.productCode,
    };
    const { id } = await this.registrar.findOrCreate({ ...joined, offerType: null, fields: {} }, tx);
    if (ofOtherLicenses.length > 0 && identity.agreementId !== undefined && STARTS.has(event.type)) {
      await moveAlias(tx, this.options.sellerAccount, { kind: 'agreement', scope: '', value: identity.agreementId }, id);
    }
    return { state: 'applied', subscriptionId: id };
  }

  private async placeKnown(tx: SqlExecutor, id: string, about: SpokenOf): Promise<Filed> {
    const row = await selectSubscription(tx, this.options.sellerAccount, id);
    if (!row) return { state: 'ignored', error: 'there is no such subscription' };
    const { agreementId } = about;
    if (about.licenseArn !== undefined) {
      const identity = { productCode: row.product_code, agreementId, ...licenseOfMessage(about.licenseArn) };
      const joined = await this.registrar.findOrCreate({ ...identity, offerType: null, fields: {} }, tx);
      return { state: 'applied', subscriptionId: joined.id };
    }
    if (agreementId !== undefined) await this.registrar.name(row.id, [{ kind: 'agreement', scope: '', value: agreementId }], tx);
    return { state: 'applied', subscriptionId: row.id };
  }

  /**
   * A license is a subscription: where an agreement is known with another license, an event of the new license means a new subscription (a trial that
   * became another license).
   */
  private async sortByLicense(
    tx: SqlExecutor,
    found: readonly RegistrarRow[],
    { about }: LifecycleEvent,
  ): Promise<{ rows: RegistrarRow[]; ofOtherLicenses: RegistrarRow[] }> {
    const rows: RegistrarRow[] = [];
    const ofOtherLicenses: RegistrarRow[] = [];
    for (const row of found) {
      const isMetered = this.products.get(row.product_code)?.identity !== 'legacy' && about.licenseArn !== undefined;
      const licenses = isMetered ? await licensesOf(tx, this.options.sellerAccount, row.id) : [];
      const isOther = licenses.length > 0 && !licenses.includes(licenseIdOf(about.licenseArn ?? ''));
      (isOther ? ofOtherLicenses : rows).push(row);
    }
    return { rows, ofOtherLicenses };
  }

  /** After the end only a start that lies behind it counts: a late word of the old agreement changes nothing. */
  private async isNewAgreement(tx: SqlExecutor, row: RegistrarRow, { type, at }: LifecycleEvent): Promise<boolean> {
    if (!STARTS.has(type)) return false;
    const current = await selectSubscription(tx, this.options.sellerAccount, row.id);
    return current !== null && Number(current.ends_at_ms) < at.getTime();
  }

  private productOf({ productCode, productId }: SpokenOf): ProductOptions | undefined {
    if (productCode !== undefined) return this.products.get(productCode);
    return productId === undefined ? undefined : this.products.all.find((product) => product.productId === productId);
  }

  /** What is told of besides a change of state. */
  private async tell(tx: SqlExecutor, subscriptionId: string, event: LifecycleEvent, changes: boolean): Promise<void> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    if (event.type === 'entitlement.updated' || event.type === 'license.updated')
      await markEntitlementsChanged(tx, sellerAccount, subscriptionId, now);
    const row = await selectSubscription(tx, sellerAccount, subscriptionId);
    const productCode = row?.product_code ?? '';
    const about = { subscriptionId, occurredAt: now };
    const events: NewMarketplaceEvent[] = [];
    switch (event.type) {
      case 'agreement.amended':
      case 'entitlement.updated':
        events.push({ type: 'subscription.changed', ...about, payload: { productCode, change: event.type } });
        break;
      case 'license.updated':
        if (!changes) events.push({ type: 'subscription.changed', ...about, payload: { productCode, change: event.type } });
        break;
      case 'agreement.notice':
      case 'advisory.issued':
      case 'advisory.resolved':
        events.push({ type: 'subscription.notice', ...about, payload: { productCode, notice: event.details.detailType } });
        break;
      case 'agreement.found':
        if (changes)
          events.push({
            type: 'subscription.repaired',
            ...about,
            payload: { productCode, change: `AWS, asked, says ${event.details.status ?? 'entitled'}` },
          });
        break;
      default:
        break;
    }
    await this.outbox.append(tx, events);
  }
}

function identityOf(about: SpokenOf, product: ProductOptions | undefined): SubscriptionIdentity {
  return {
    productCode: product?.productCode ?? about.productCode ?? '',
    customerAwsAccountId: about.customerAwsAccountId,
    customerIdentifier: about.customerIdentifier,
    agreementId: about.agreementId,
    ...licenseOfMessage(about.licenseArn),
  };
}
