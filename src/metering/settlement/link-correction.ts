import { Inject, Injectable, Logger } from '@nestjs/common';
import { LedgerDatabase } from '../../database/ledger-database.js';
import { MarketplaceMeteringError } from '../../errors/marketplace-metering-error.js';
import { insertAction } from '../../events/operator-action.sql.js';
import { Outbox } from '../../events/outbox.js';
import { requireSigned } from '../../events/signed-decision.js';
import { type ResolvedOptions } from '../../options/resolved-options.js';
import { RESOLVED_OPTIONS } from '../../runtime/tokens.js';
import { Waker } from '../../runtime/waker.js';
import { type LinkedUsage, selectLinkedUsage, undoClaims } from '../../subscription/chain/claim-undo.js';
import { selectLivingOf } from '../../subscription/chain/subscription.sql.js';
import { subscriptionIdOf } from '../../subscription/subscription.js';
import { annulRecords } from './record-annulment.sql.js';

/** Which link is wrong, who says so, and why: `by` and `reason` of 1 to 255 characters. */
export interface LinkUndo {
  /** The tenant that has it wrongly. */
  tenantId: string;
  by: string;
  reason: string;
}

/** What became of it. */
export interface UndoneLink {
  productCode: string;
  /** Whose it is again by an earlier claim; null: nobody's, until it is claimed anew. */
  tenantId: string | null;
  /** The tenant's usage that was sealed under the subscription, as it stood. */
  usage: LinkedUsage[];
  /** Records that were annulled: AWS is known not to have billed them, and their usage waits again. */
  annulled: number;
}

/** An operator's word about a link that was made for the wrong tenant. */
@Injectable()
export class LinkCorrection {
  private readonly logger = new Logger('MarketplaceRegistration');

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: Pick<ResolvedOptions, 'sellerAccount' | 'clock'>,
    private readonly database: LedgerDatabase,
    private readonly outbox: Outbox,
    private readonly waker: Waker,
  ) {}

  /**
   * Undoes the link of a subscription to a tenant that should never have had it, as if it had not been: the
   * subscription is the tenant's again who had it before, else nobody's, until its buyer comes from AWS with a new code
   * and is claimed anew. Usage that was recorded for the tenant stays the tenant's: what AWS is known not to have
   * billed waits (`noSubscription`) for a subscription of the tenant's own, and is set apart, held, where none covers
   * it; what AWS has billed stays with the agreement, and is told (`subscription.unlinked`).
   * @throws MarketplaceMeteringError `NOT_FOUND`; `TRANSITION_REFUSED` where the tenant does not have it, or who and why
   * is not said
   */
  async undo(id: string, { tenantId, by, reason }: LinkUndo): Promise<UndoneLink> {
    requireSigned({ by, reason });
    const { sellerAccount, clock } = this.options;
    const canonical = subscriptionIdOf(id);
    const now = clock.now();
    const { subscriptionId, undone } = await this.database.transaction(async (tx) => {
      const living = canonical === null ? null : await selectLivingOf(tx, sellerAccount, canonical);
      if (!living) throw new MarketplaceMeteringError('NOT_FOUND', `There is no subscription ${JSON.stringify(id)}.`);
      const about = { subscriptionId: living.id, tenantId, now };
      const found = await undoClaims(tx, sellerAccount, about);
      if (!found) {
        throw new MarketplaceMeteringError(
          'TRANSITION_REFUSED',
          `Subscription ${living.id} is not linked to tenant ${JSON.stringify(tenantId)}: name the tenant that has it.`,
        );
      }
      const usage = await selectLinkedUsage(tx, sellerAccount, about);
      const recordIds = usage.flatMap((one) => one.recordIds);
      // At once, and not when sealing sees that the timeline has moved: until then it could still be sent.
      const annulled = await annulRecords(tx, sellerAccount, recordIds, 'moved', now, by);
      const done = {
        ...found,
        usage: usage.map(({ dimension, state, records, units }) => ({ dimension, state, records, units })),
        annulled: annulled.length,
      };
      await insertAction(tx, sellerAccount, {
        ...{ action: 'subscription.unlinked', target: { subscriptionId: living.id, tenantId } },
        ...{ result: { tenantId: done.tenantId, usage: done.usage, annulled: done.annulled }, by, reason, at: now },
      });
      const billed = done.usage.filter(({ state }) => state === 'metered');
      await this.outbox.append(tx, [
        {
          ...{ type: 'subscription.unlinked', subscriptionId: living.id, occurredAt: now },
          payload: {
            productCode: done.productCode,
            tenantId,
            newTenantId: done.tenantId,
            billed: billed.map(({ dimension, units }) => ({ dimension, units })),
          },
        },
      ]);
      return { subscriptionId: living.id, undone: done };
    });
    this.logger.log('a link was undone', { subscriptionId, by });
    this.waker.wake('seal');
    return undone;
  }
}
