import { Logger } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import { type LedgerSql } from '../../database/ledger-database.js';
import { type Outbox } from '../../events/outbox.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { type AgreementRecord, type BuyerChains, type SubscriptionRecord } from './buyer-chains.js';
import { type ChainReading } from './chain-reading.js';
import { fold } from './folding.js';
import { insertClaimedSubscription } from './new-subscription.js';

/**
 * Gives every agreement of a buyer its subscription, by the joining rule: one that is known, or a new one. Where two
 * subscriptions turned out to be one, the older lives on and takes up the other.
 */
export class SubscriptionPlacement {
  private readonly logger = new Logger('MarketplaceLifecycle');

  constructor(
    private readonly options: ResolvedOptions,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Writes folds and new subscriptions; the rows of agreements are the caller's to write. Folds come first, so that what is made
   * knows its tenant.
   */
  async place(tx: LedgerSql, known: BuyerChains, { joining, assignment, lives }: ChainReading): Promise<BuyerChains> {
    const { sellerAccount } = this.options;
    const customers = new Map<string, string>();
    for (const [foldedId, livingId] of foldsOf({ joining })) {
      const folded = known.subscriptions.find(({ id }) => id === foldedId);
      const living = known.subscriptions.find(({ id }) => id === livingId);
      if (!folded || !living || folded.aliasOf !== null) continue;
      const current = { ...living, customerId: customers.get(livingId) ?? living.customerId };
      customers.set(livingId, await fold(tx, sellerAccount, { folded, living: current }, known));
      await this.tellFold(tx, known.productCode, foldedId, livingId);
    }
    const subscriptions = known.subscriptions.map((row) => afterFolds(row, joining.folds, customers));
    const made = new Map<string, SubscriptionRecord>();
    const homeOf = new Map<string, string>();
    for (const id of lives.keys()) {
      const home = joining.subscriptionOf.get(id);
      if (!home) continue;
      if ('subscriptionId' in home) {
        homeOf.set(id, joining.folds.get(home.subscriptionId) ?? home.subscriptionId);
        continue;
      }
      const subscription =
        made.get(home.with) ?? (await this.make(tx, id, { ...known, subscriptions }, { joining, assignment, lives }));
      made.set(home.with, subscription);
      homeOf.set(id, subscription.id);
    }
    const rows = [
      ...known.agreements,
      ...assignment.wanted.filter((id) => !known.agreements.some((row) => row.id === id)).map(namelessRow),
    ];
    const inhabited = new Set(homeOf.values());
    const agreements = rows.map((row) => {
      const aliasOf = assignment.aliases.get(row.id) ?? null;
      const home = homeOf.get(aliasOf ?? row.id) ?? row.subscriptionId;
      const own = joining.folds.get(row.subscriptionId ?? '') ?? row.subscriptionId;
      // What another tenant has claimed stays apart: this row is all that tells, at every later reading, of whom it is.
      const isContested = aliasOf !== null && own !== null && !inhabited.has(own);
      return { ...row, aliasOf, subscriptionId: isContested ? own : home };
    });
    return { ...known, subscriptions: [...subscriptions, ...made.values()], agreements };
  }

  private async make(
    tx: LedgerSql,
    agreementId: string,
    chains: BuyerChains,
    reading: ChainReading,
  ): Promise<SubscriptionRecord> {
    const { sellerAccount, clock } = this.options;
    const now = clock.now();
    const made = await insertClaimedSubscription(
      tx,
      sellerAccount,
      { id: uuidv7(), agreementId, at: now },
      chains,
      reading,
    );
    const { id, productCode } = made.subscription;
    await this.outbox.append<'subscription.registered' | 'subscription.claimed'>(tx, [
      {
        type: 'subscription.registered',
        subscriptionId: id,
        payload: { productCode, offerType: null, agreement: null },
        occurredAt: now,
      },
      ...(made.tenantId === null
        ? []
        : [
            {
              type: 'subscription.claimed' as const,
              subscriptionId: id,
              payload: { productCode, tenantId: made.tenantId },
              occurredAt: now,
            },
          ]),
    ]);
    return made.subscription;
  }

  private tellFold(tx: LedgerSql, productCode: string, foldedSubscriptionId: string, livingId: string): Promise<void> {
    this.logger.log(`subscription ${foldedSubscriptionId} was found to be ${livingId} and lives on in it`);
    return this.outbox.append(tx, [
      {
        type: 'subscription.folded',
        subscriptionId: livingId,
        payload: { productCode, foldedSubscriptionId },
        occurredAt: this.options.clock.now(),
      },
    ]);
  }
}

function foldsOf({ joining }: Pick<ChainReading, 'joining'>): [string, string][] {
  return [...joining.folds];
}

function afterFolds(
  row: SubscriptionRecord,
  folds: ReadonlyMap<string, string>,
  customers: ReadonlyMap<string, string>,
): SubscriptionRecord {
  const into = folds.get(row.aliasOf ?? row.id) ?? null;
  const customerId = customers.get(into ?? row.aliasOf ?? row.id) ?? row.customerId;
  return { ...row, aliasOf: into ?? row.aliasOf, customerId };
}

function namelessRow(id: string): AgreementRecord {
  return { id, subscriptionId: null, aliasOf: null, productId: null, offerId: null, names: [] };
}
