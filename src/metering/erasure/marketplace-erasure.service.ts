import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase, type LedgerSql } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { AlertBoard } from '../../events/alert-board.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { requireSigned } from '../../events/signed-decision.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { crashPoint } from '../../runtime/crash-point.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { digestOf, labelOf } from '../../subscription/chain/aws-names.js';
import { lockBuyers, lockSubscriptionsOf } from '../../subscription/chain/buyer-chains.js';
import { lockNames } from '../../subscription/inbox/message.sql.js';
import { subscriptionIdOf } from '../../subscription/subscription.js';
import { obstaclesIn } from './erasure-obstacle.js';
import { ErasureRefusedError } from './erasure-refused-error.js';
import { type BuyerSelection, type ErasureScope, loadScope, lockSealing, selectBuyerIds } from './erasure-scope.sql.js';
import { eraseMessages, eraseNames, eraseRegistrations, eraseTexts, markErased } from './name-erasure.sql.js';
import { namePatternOf } from './name-pattern.js';
import { selectOpenMoney } from './open-money.sql.js';

/**
 * Whom to erase: all buyers whose subscriptions a tenant has or had, the buyer of a subscription, or the one whom AWS
 * knows by that name; of one product, or of all.
 */
export type ErasedBuyer =
  | { tenantId: string; productCode?: string | undefined }
  | { subscriptionId: string }
  | { customerAwsAccountId: string; productCode?: string | undefined }
  | { customerIdentifier: string; productCode?: string | undefined };

/** Who asks for it, and why: 1 to 255 characters each, without any name of the buyer. */
export interface ErasureDecision {
  by: string;
  reason: string;
}

/** What has gone. All zero: the buyer was erased before, and nothing has come since. */
export interface ErasureResult {
  /** Ours, as they stand in records and events: what is left to speak of the buyer by. */
  subscriptionIds: string[];
  /** Rows of the names of buyers and agreements. */
  names: number;
  /** Names under which AWS dedupes; their digests stay. */
  identities: number;
  messages: number;
  /** Registration codes, and what was posted with them. */
  registrations: number;
  /** Alerts, operators' reasons and handlers' errors that held a name. */
  texts: number;
}

class Rehearsed extends Error {
  constructor(readonly result: ErasureResult) {
    super('rehearsed');
  }
}

/** Scans every message and alert of the ledger once. */
const STATEMENT_TIMEOUT_MS = 15 * 60_000;

/** Replaces a buyer's names by their digests, once all money of theirs is settled. See docs/retention.md. */
@Injectable()
export class MarketplaceErasure {
  private readonly logger = new Logger('MarketplaceErasure');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'clock'>,
    private readonly database: LedgerDatabase,
    private readonly alerts: AlertBoard,
  ) {}

  /**
   * Erases what the ledger holds of a buyer's names: AWS account id, CustomerIdentifier, agreement ids, LicenseArns,
   * bodies of messages, what was posted at the landing page. In one transaction; records, balances, evidence and all
   * sums stay as they are, and their digests still tell repeats apart. Called again it erases what has come since.
   *
   * A buyer who comes back is known by the digests: a late message is entered and leaves no name behind; a new
   * agreement, or one that goes on, brings back the names that are spoken with it, since AWS meters by them.
   *
   * Your tenant ids, idempotency keys, tags and reasons stay: they are yours, and part of what was billed.
   * With `dryRun` nothing is written: the answer, or the refusal, is what would be.
   * @throws MarketplaceMeteringError `NOT_FOUND`; `TRANSITION_REFUSED` where who and why is not said, or is said with a
   * name of the buyer
   * @throws ErasureRefusedError `ERASURE_REFUSED` while money is open; `obstacles` says what, and what ends it
   */
  async erase(
    buyer: ErasedBuyer,
    decision: ErasureDecision,
    { dryRun = false }: { dryRun?: boolean } = {},
  ): Promise<ErasureResult> {
    const { by, reason } = decision;
    requireSigned({ by, reason });
    const selection = selectionOf(buyer);
    const work = async (tx: LedgerSql): Promise<ErasureResult> => {
      const erased = await this.eraseSelected(tx, selection, { by, reason });
      // What was done is the preview, and rolled back.
      if (dryRun) throw new Rehearsed(erased);
      return erased;
    };
    const settings = { statementTimeoutMs: STATEMENT_TIMEOUT_MS };
    const result = await this.database.transaction(work, settings).catch((error: unknown) => {
      if (error instanceof Rehearsed) return error.result;
      throw error;
    });
    if (!dryRun) this.logger.log('a buyer was erased', { ...result, by });
    return result;
  }

  private async eraseSelected(
    tx: LedgerSql,
    selection: BuyerSelection | null,
    { by, reason }: ErasureDecision,
  ): Promise<ErasureResult> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const scope = await this.lockedScope(tx, selection);
    const pattern = namePatternOf(scope.names);
    if (pattern !== null && new RegExp(pattern).test(`${by} ${reason}`)) {
      throw new MarketplaceMeteringError(
        'TRANSITION_REFUSED',
        'Give by and reason without a name of the buyer: they stay in the trail. A number of your own request will do.',
      );
    }
    const obstacles = obstaclesIn(await selectOpenMoney(tx, sellerAccount, scope, { now, pattern }));
    if (obstacles.length > 0) throw new ErasureRefusedError(obstacles);

    const { names, identities } = await eraseNames(tx, sellerAccount, scope);
    crashPoint('erase.names');
    const messages = await eraseMessages(tx, sellerAccount, scope, pattern);
    await this.alerts.resolve(
      tx,
      'messageDeadLettered',
      messages.map(({ origin, messageId }) => `${origin}:${messageId}`),
    );
    const registrations = await eraseRegistrations(tx, sellerAccount, scope);
    const texts = await eraseTexts(tx, sellerAccount, scope, pattern);
    const erased = { names, identities, messages: messages.length, registrations, texts };
    const subscriptionIds = [...scope.subscriptionIds];
    if (Object.values(erased).some((count) => count > 0)) {
      await insertAction(tx, sellerAccount, {
        ...{ action: 'buyer.erased', target: { buyerIds: scope.buyerIds, subscriptionIds } },
        ...{ result: erased, by, reason, at: now },
      });
    }
    await markErased(tx, sellerAccount, scope.buyerIds, now);
    crashPoint('erase.written');
    return { subscriptionIds, ...erased };
  }

  /**
   * Holds up whoever could write of these buyers: messages that speak of their names, projections, and sealing. In the
   * order in which those take the same locks.
   */
  private async lockedScope(tx: LedgerSql, selection: BuyerSelection | null): Promise<ErasureScope> {
    const { sellerAccount } = this.options;
    const found = selection === null ? [] : await selectBuyerIds(tx, sellerAccount, selection);
    if (selection === null || found.length === 0) {
      throw new MarketplaceMeteringError(
        'NOT_FOUND',
        'The ledger knows no such buyer: neither a tenant’s claim, nor a subscription, nor a name says who it is.',
      );
    }
    await tx.query(`SET LOCAL lock_timeout = '10s'`);
    const before = await loadScope(tx, sellerAccount, idsOf(found));
    await lockNames(
      tx,
      sellerAccount,
      before.names.map(({ kind, digest, product_code: code }) =>
        labelOf({ kind, digest, name: null, eventForm: null }, code),
      ),
    );
    const buyers = found.map(({ id }) => id);
    await lockBuyers(tx, sellerAccount, buyers);
    await lockSubscriptionsOf(tx, sellerAccount, buyers);
    // Statements after the locks see what was written meanwhile: a buyer may have turned out to be another.
    const ids = idsOf(await selectBuyerIds(tx, sellerAccount, selection));
    const scope = await loadScope(tx, sellerAccount, ids);
    await lockSealing(tx, sellerAccount, scope.customerIds);
    if (JSON.stringify(ids) !== JSON.stringify(idsOf(found)) || scope.names.length !== before.names.length) {
      throw new ErasureRefusedError([
        { kind: 'message', found: 'something was heard of the buyer at this moment', fix: 'try again' },
      ]);
    }
    return scope;
  }
}

function idsOf(buyers: readonly { all_ids: readonly string[] }[]): string[] {
  return buyers.flatMap(({ all_ids: ids }) => ids);
}

/** Null: nobody could be called so. */
function selectionOf(buyer: ErasedBuyer): BuyerSelection | null {
  if ('subscriptionId' in buyer) {
    const subscriptionId = subscriptionIdOf(buyer.subscriptionId);
    return subscriptionId === null ? null : { by: 'subscription', subscriptionId };
  }
  const productCode = buyer.productCode ?? null;
  if ('tenantId' in buyer) return { by: 'tenant', tenantId: buyer.tenantId, productCode };
  return 'customerAwsAccountId' in buyer
    ? { by: 'name', kind: 'account', digest: digestOf(buyer.customerAwsAccountId), productCode }
    : { by: 'name', kind: 'customerIdentifier', digest: digestOf(buyer.customerIdentifier), productCode };
}
