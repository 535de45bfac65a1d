import { expect } from '@jest/globals';
import { type Agreement } from 'aws-marketplace-simulator';
import { type Options, type UsageEvent } from '../../../src/index.js';
import { type LifecycleDetails, type LifecycleEvent, type LifecycleEventType } from '../../../src/subscription/inbox/lifecycle-event.js';
import { LifecycleInbox } from '../../../src/subscription/inbox/lifecycle-inbox.js';
import { type HarnessOptions, LedgerHarness, PRODUCT_CODE } from '../../support/ledger-harness.js';
import { RecordedUsage } from '../../support/recorded-usage.js';

/** A way in for messages is open, so that a registered subscription waits for its activation. */
export const FOLLOWING = { notifications: { eventBridgeSecrets: ['shared-with-eventbridge-0123456789'] } } satisfies Options;

export interface Buyer {
  id: string;
  agreement: Agreement;
}

export interface LifeRecord {
  id: string;
  kind: 'hour' | 'closing';
  subscription_id: string;
  dimension: string;
  hour: Date;
  quantity: string;
  state: string;
  reason: string | null;
  disposition: string | null;
  due_at: Date;
  cutoff_at: Date;
  deadline_alerted_at: Date | null;
}

const DETAILS = {
  'agreement.ended': { status: 'CANCELLED', endTime: null },
  'license.updated': { offerId: null },
  'license.deprovisioned': { offerId: null },
  'subscription.succeeded': { isFreeTrial: null, offerId: null },
  'subscription.failed': { offerId: null },
  'subscription.unsubscribePending': { offerId: null },
  'advisory.issued': { detailType: 'Purchase Agreement Advisory Issued' },
  'advisory.resolved': { detailType: 'Purchase Agreement Advisory Resolved' },
} satisfies Partial<{ [Type in LifecycleEventType]: LifecycleDetails[Type] }>;

let messages = 0;

/** A replica whose subscriptions live by what is heard of them, beside the simulator, and what the application recorded. */
export class LifeLedger {
  private constructor(
    readonly harness: LedgerHarness,
    readonly usage: RecordedUsage,
  ) {}

  static async open({ options, ...given }: HarnessOptions = {}): Promise<LifeLedger> {
    const harness = await LedgerHarness.start({ ...given, options: { ...FOLLOWING, ...options } });
    return new LifeLedger(harness, new RecordedUsage(harness));
  }

  /** A buyer of whom AWS has said that the purchase holds; usage can be billed from now on, to the second. */
  async activeBuyer(): Promise<Buyer> {
    const { simulator, clock } = this.harness;
    const startsAt = new Date(clock.now().getTime() - 1000);
    const agreement = simulator.subscribe({ productCode: PRODUCT_CODE, startsAt });
    const id = await this.harness.register(agreement);
    await this.hear('license.updated', agreement, startsAt);
    return { id, agreement };
  }

  /** A message of AWS, of now unless told otherwise, that is in the inbox and filed. */
  async hear(type: keyof typeof DETAILS, { licenseArn }: Agreement, at = this.harness.clock.now()): Promise<void> {
    const event = { type, at, about: { licenseArn }, details: DETAILS[type] } as LifecycleEvent;
    messages += 1;
    const message = { origin: 'eventBridge' as const, messageId: `message ${messages}`, via: 'test', body: '{}', content: { event } };
    await this.harness.app.get(LifecycleInbox).receive([message]);
    await this.harness.run('inbox');
  }

  record({ id }: Buyer | { id: string }, quantity: number | string, event: Partial<UsageEvent> = {}): Promise<void> {
    return this.usage.record({ subscriptionId: id, dimension: 'requests', quantity, ...event });
  }

  records({ id }: { id: string }): Promise<LifeRecord[]> {
    return this.harness.records<LifeRecord>(`subscription_id = '${id}'`);
  }

  /** '10h 5 metered', 'closing 0.5 ended held'. */
  async fates(buyer: { id: string }): Promise<string[]> {
    return (await this.records(buyer)).map((record) => {
      const where = record.kind === 'closing' ? 'closing' : `${record.hour.toISOString().slice(11, 13)}h`;
      const state =
        record.state === 'closed' ? [record.reason, record.disposition] : [record.state, record.state === 'metered' ? null : record.reason];
      return [where, record.quantity, ...state].filter((part) => part !== null).join(' ');
    });
  }

  /** '10h 5' for each line of the bill. */
  bill({ agreement }: Buyer): string[] {
    const lines = this.harness.simulator.bill().filter(({ agreementId }) => agreementId === agreement.agreementId);
    return lines.map(({ hour, quantity }) => `${hour.slice(11, 13)}h ${quantity}`).sort();
  }

  async subscription({ id }: { id: string }): Promise<{ state: string; life_changed: boolean; starts_at: Date }> {
    const [row] = await this.harness.database.query<{ state: string; life_changed: boolean; starts_at: Date }>(
      `SELECT state, life_changed, starts_at FROM marketplace.subscription WHERE id = $1`,
      [id],
    );
    if (!row) throw new Error(`there is no subscription ${id}`);
    return row;
  }

  /** Open alerts of a kind, by subject. */
  async alerts(kind: string): Promise<string[]> {
    const rows = await this.harness.database.query<{ subject: string }>(
      `SELECT subject FROM marketplace.alert WHERE kind = $1 AND resolved_at IS NULL ORDER BY subject`,
      [kind],
    );
    return rows.map(({ subject }) => subject);
  }

  /** `successor` takes over from `predecessor`, as a renewal that names the agreement before it does. */
  async link(successor: { id: string }, predecessor: { id: string }): Promise<void> {
    await this.harness.database.query(`UPDATE marketplace.subscription SET predecessor_id = $2 WHERE id = $1`, [
      successor.id,
      predecessor.id,
    ]);
  }

  /** An hour and more after the last sign: the closing, and whatever follows from it. */
  async close(): Promise<void> {
    this.harness.advance(1.2);
    await this.harness.run('deadline', 'seal', 'deadline');
  }

  async stop(): Promise<void> {
    await this.harness.expectConserved().finally(() => this.harness.stop());
  }

  async expectState(buyer: { id: string }, state: string): Promise<void> {
    expect(await this.subscription(buyer)).toMatchObject({ state, life_changed: false });
  }
}
