import { Injectable } from '@nestjs/common';
import { type MarketplaceEvent, OnMarketplaceEvent } from 'nestjs-marketplace-metering';
import { DataSource } from 'typeorm';

/** How a subscription stands with Larkspur. */
export interface WorkspaceStanding {
  plan: 'trial' | 'paid' | null;
  provisionedAt: Date | null;
  /** When a renewal, a replacement or a return went on with it last. */
  renewedAt: Date | null;
  closedAt: Date | null;
  /** The end that its tenant was told of last. */
  endsAt: Date | null;
}

/** From the first word of AWS to the last. */
const FOLLOWED = [
  'subscription.activated',
  'subscription.renewed',
  'subscription.converted',
  'subscription.ending',
  'subscription.ended',
  'subscription.folded',
] as const;

/**
 * What Larkspur does when AWS says how a subscription goes on. An event may come twice, so each is written where a
 * second time changes nothing.
 */
@Injectable()
export class WorkspaceService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * One handler for all, since only the events of one handler come in order: a subscription may return before its end
   * is over.
   */
  @OnMarketplaceEvent([...FOLLOWED], { id: 'larkspur-workspace' })
  async follow(event: MarketplaceEvent<(typeof FOLLOWED)[number]>): Promise<void> {
    const { id, subscriptionId, occurredAt } = event;
    switch (event.type) {
      case 'subscription.activated':
        // A return finds the workspace as the buyer left it.
        await this.dataSource.query(
          `INSERT INTO larkspur.workspace (subscription_id, plan, agreement_id, provisioned_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (subscription_id) DO UPDATE SET plan = excluded.plan, agreement_id = excluded.agreement_id,
             closed_at = NULL`,
          [subscriptionId, planOf(event.payload), event.payload.agreement?.agreementId ?? null, occurredAt],
        );
        return this.forgetNotices(subscriptionId);
      case 'subscription.renewed':
        await this.dataSource.query(
          `UPDATE larkspur.workspace SET plan = $2, agreement_id = $3, renewed_at = $4, closed_at = NULL
            WHERE subscription_id = $1`,
          [subscriptionId, planOf(event.payload), event.payload.agreement?.agreementId ?? null, event.payload.startsAt],
        );
        return this.forgetNotices(subscriptionId);
      case 'subscription.converted':
        await this.dataSource.query(
          `UPDATE larkspur.workspace SET plan = 'paid', agreement_id = coalesce($2, agreement_id)
            WHERE subscription_id = $1`,
          [subscriptionId, event.payload.agreement?.agreementId ?? null],
        );
        return;
      case 'subscription.ending':
        await this.dataSource.query(
          `INSERT INTO larkspur.notice (event_id, subscription_id, ends_at, told_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (event_id) DO NOTHING`,
          [id, subscriptionId, event.payload.endsAt, occurredAt],
        );
        return;
      case 'subscription.ended':
        await this.dataSource.query(`UPDATE larkspur.workspace SET closed_at = $2 WHERE subscription_id = $1`, [
          subscriptionId,
          event.payload.endsAt,
        ]);
        return;
      case 'subscription.folded':
        // Both were one relation all along; what stays is the one that lives on.
        await this.dataSource.query(`DELETE FROM larkspur.workspace WHERE subscription_id = $1`, [
          event.payload.foldedSubscriptionId,
        ]);
        return this.forgetNotices(event.payload.foldedSubscriptionId);
    }
  }

  async standingOf(subscriptionId: string): Promise<WorkspaceStanding> {
    const [row] = await this.dataSource.query<WorkspaceStanding[]>(
      `SELECT plan, provisioned_at AS "provisionedAt", renewed_at AS "renewedAt", closed_at AS "closedAt",
         (SELECT ends_at FROM larkspur.notice WHERE subscription_id = $1 ORDER BY told_at DESC, event_id DESC
           LIMIT 1) AS "endsAt"
       FROM (SELECT) AS one LEFT JOIN larkspur.workspace ON subscription_id = $1`,
      [subscriptionId],
    );
    return row ?? { plan: null, provisionedAt: null, renewedAt: null, closedAt: null, endsAt: null };
  }

  private async forgetNotices(subscriptionId: string | null): Promise<void> {
    await this.dataSource.query(`DELETE FROM larkspur.notice WHERE subscription_id = $1`, [subscriptionId]);
  }
}

function planOf({ isTrial }: { isTrial: boolean }): 'trial' | 'paid' {
  return isTrial ? 'trial' : 'paid';
}
