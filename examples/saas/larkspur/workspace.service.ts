import { Injectable } from '@nestjs/common';
import { type MarketplaceEvent, OnMarketplaceEvent } from 'nestjs-marketplace-metering';
import { DataSource } from 'typeorm';

/** How a subscription stands with Larkspur. */
export interface WorkspaceStanding {
  provisionedAt: Date | null;
  /** The end that its tenant was told of last. */
  endsAt: Date | null;
}

/** What Larkspur does when AWS says that a subscription begins or ends. An event may come twice, so each is written where a second time changes nothing. */
@Injectable()
export class WorkspaceService {
  constructor(private readonly dataSource: DataSource) {}

  /** One handler for both, since only the events of one handler come in order: a subscription may return before its end is over. */
  @OnMarketplaceEvent(['subscription.activated', 'subscription.ending'], { id: 'larkspur-workspace' })
  async follow(event: MarketplaceEvent<'subscription.activated' | 'subscription.ending'>): Promise<void> {
    const { id, subscriptionId, occurredAt } = event;
    if (event.type === 'subscription.activated') {
      await this.dataSource.query(
        `INSERT INTO larkspur.workspace (subscription_id, provisioned_at) VALUES ($1, $2) ON CONFLICT (subscription_id) DO NOTHING`,
        [subscriptionId, occurredAt],
      );
      await this.dataSource.query(`DELETE FROM larkspur.notice WHERE subscription_id = $1`, [subscriptionId]);
      return;
    }
    await this.dataSource.query(
      `INSERT INTO larkspur.notice (event_id, subscription_id, ends_at, told_at) VALUES ($1, $2, $3, $4) ON CONFLICT (event_id) DO NOTHING`,
      [id, subscriptionId, event.payload.endsAt, occurredAt],
    );
  }

  async standingOf(subscriptionId: string): Promise<WorkspaceStanding> {
    const [row] = await this.dataSource.query<WorkspaceStanding[]>(
      `SELECT (SELECT provisioned_at FROM larkspur.workspace WHERE subscription_id = $1) AS "provisionedAt",
         (SELECT ends_at FROM larkspur.notice WHERE subscription_id = $1 ORDER BY told_at DESC, event_id DESC LIMIT 1) AS "endsAt"`,
      [subscriptionId],
    );
    return row ?? { provisionedAt: null, endsAt: null };
  }
}
