import { LifecycleMessages, LinkCorrection } from '../../../src/index.js';
import { type SUBSCRIPTION_ALERTS } from '../../../src/events/subscription-alerts.js';
import { SECRET } from '../../support/world.js';
import { type AlertStories, inWorld, SIGNED } from './alert-story.js';

export const SUBSCRIPTION_STORIES: AlertStories<keyof typeof SUBSCRIPTION_ALERTS> = {
  // Two tenants claimed two agreements, of which is heard later that one renews the other.
  chainConflict: inWorld(async (world) => {
    const buyer = await world.join('acme');
    world.asksAws = false;
    world.mailbox.hold({ when: ({ type }) => /^Purchase Agreement (Created|Ended)/.test(type) });
    buyer.renew({ as: 'newLicense' });
    const claimed = await buyer.arrive();
    await buyer.signUp('globex');
    await world.hear();
    await world.mailbox.release();
    await world.hear();
    return async () => {
      await world.app.get(LinkCorrection).undo(claimed, { tenantId: 'globex', ...SIGNED });
      await world.hear();
    };
  }),
  concurrentAgreements: inWorld(async (world) => {
    const buyer = await world.join('acme');
    buyer.concurrent();
    await buyer.comeBack();
    await world.hear();
    return async () => {
      buyer.cancel();
      await world.pass(2);
    };
  }),
  messageDeadLettered: inWorld(
    async (world) => {
      const buyer = await world.join('acme');
      await world.database.query(
        `ALTER TABLE marketplace.fact ADD CONSTRAINT in_its_way CHECK (origin <> 'eventBridge') NOT VALID`,
      );
      buyer.cancel();
      await world.hear();
      return async () => {
        await world.database.query(`ALTER TABLE marketplace.fact DROP CONSTRAINT in_its_way`);
        const set = await world.database.query<{ origin: 'eventBridge'; messageId: string }>(
          `SELECT origin, message_id AS "messageId" FROM marketplace.inbox_message WHERE state = 'deadLettered'`,
        );
        for (const message of set) await world.app.get(LifecycleMessages).retry(message, SIGNED);
        await world.hear();
      };
    },
    { ways: ['eventBridge'], options: { notifications: { eventBridgeSecrets: [SECRET], deadLetterAfterAttempts: 1 } } },
  ),
  // AWS calls it active, and refuses its usage.
  contradiction: inWorld(async (world) => {
    const buyer = await world.join('acme');
    await buyer.use(2);
    await world.pass(1.5);
    world.simulator.suspend(buyer.agreement);
    await buyer.use(3);
    await world.pass(20, 1);
    return async () => {
      world.simulator.reinstate(buyer.agreement);
      await world.pass(26, 2);
    };
  }),
};
