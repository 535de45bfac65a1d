import { expect } from '@jest/globals';
import { type UsageEvent } from '../../src/index.js';
import { DIMENSIONS, type HarnessOptions, LedgerHarness, PRODUCT_CODE } from './ledger-harness.js';

export const LEGACY_CODE = 'larkspur-legacy';
const SECRET = 'the-secret-of-the-api-destination';
const TOPIC_ARN = `arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-${LEGACY_CODE}`;
const JOBS = ['inbox', 'seal', 'submit', 'recovery', 'deadline', 'reconcile', 'inbox'] as const;

/**
 * An application that hears of its subscriptions' lives by the simulator's own messages over real HTTP: EventBridge by an API destination, SNS with real
 * signatures.
 */
export class LifeWorld {
  /** Units that the application recorded. */
  recorded = 0;

  private constructor(readonly harness: LedgerHarness) {}

  static async start({ options = {}, ...rest }: HarnessOptions = {}): Promise<LifeWorld> {
    const harness = await LedgerHarness.start({
      ...rest,
      options: {
        products: [
          { productCode: PRODUCT_CODE, dimensions: DIMENSIONS },
          { productCode: LEGACY_CODE, dimensions: DIMENSIONS, identity: 'legacy' },
        ],
        notifications: { eventBridgeSecrets: [SECRET], snsTopicArns: [TOPIC_ARN] },
        reconcileAfterMs: 3_600_000,
        onEnded: 'transfer',
        ...options,
      },
    });
    const { simulator } = harness;
    simulator.createProduct({ productCode: LEGACY_CODE, dimensions: DIMENSIONS, identity: 'legacy' });
    const url = `${harness.url}/marketplace/notifications`;
    simulator.notifications.addTarget({ kind: 'apiDestination', url, headers: { 'x-marketplace-secret': SECRET } });
    simulator.notifications.addTarget({ kind: 'snsHttp', url, productCode: LEGACY_CODE, topic: 'subscriptionTopic' });
    await simulator.notifications.settled();
    return new LifeWorld(harness);
  }

  async record(event: UsageEvent): Promise<void> {
    await this.harness.metering.record(event);
    this.recorded += Number(event.quantity);
  }

  /** Time in steps of half an hour: what is on its way arrives, then the jobs do their work, as in a module that runs all the time. */
  async pass(hours: number): Promise<void> {
    for (let half = 0; half < hours * 2; half += 1) {
      this.harness.advance(0.5);
      await this.harness.simulator.notifications.settled();
      await this.harness.run(...JOBS);
      await this.harness.settle(3);
    }
  }

  /**
   * Conserved, the bill equal to the ledger, and all that the application recorded accounted for, wherever it was moved since.
   * @returns units by what became of them
   */
  async accounts(): Promise<Record<string, number>> {
    await this.harness.expectConserved();
    const accounted: Record<string, number> = {};
    let recorded = 0;
    for (const balance of await this.harness.metering.balance()) {
      recorded += Number(balance.recorded) - Number(balance.byState.transferred ?? 0);
      for (const [state, units] of Object.entries(balance.byState)) accounted[state] = (accounted[state] ?? 0) + Number(units);
    }
    expect(recorded).toBeCloseTo(this.recorded, 6);
    return accounted;
  }

  async stop(): Promise<void> {
    await this.harness.stop();
  }
}
