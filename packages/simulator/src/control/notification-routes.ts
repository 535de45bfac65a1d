import { z } from 'zod';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem } from './control-problem.js';
import { type ControlRoute, route } from './control-route.js';
import {
  deliveryList,
  deliveryQuery,
  disturbanceRequest,
  messageList,
  messageQuery,
  releaseRequest,
  sendRequest,
  target,
  targetRequest,
} from './notification-schemas.js';

/** What AWS tells the seller, to whom, and what goes wrong on the way. */
export function notificationRoutes({ notifications }: ControlledSimulator): ControlRoute[] {
  return [
    route({
      method: 'GET',
      path: '/notifications/targets',
      summary: 'Where messages go',
      answer: z.object({ targets: z.array(target) }),
      run: () => ({ targets: notifications.targets() }),
    }),
    route({
      method: 'POST',
      path: '/notifications/targets',
      summary: 'Send messages there from now on; an SNS endpoint is asked to confirm first',
      body: targetRequest,
      status: 201,
      answer: target,
      run: ({ body }) => notifications.addTarget(body),
    }),
    route({
      method: 'DELETE',
      path: '/notifications/targets/{targetId}',
      summary: 'Send nothing there any more',
      run: ({ params }) => {
        if (!notifications.targets().some(({ id }) => id === params.targetId)) {
          throw new ControlProblem(
            404,
            `There is no target ${params.targetId}. GET /_simulator/notifications/targets lists them.`,
          );
        }
        notifications.removeTarget(params.targetId);
      },
    }),
    route({
      method: 'POST',
      path: '/notifications/disturbances',
      summary: 'Let deliveries be lost, doubled, late, out of order or held back from now on',
      body: disturbanceRequest,
      run: ({ body }) => {
        notifications.disturb(body);
      },
    }),
    route({
      method: 'DELETE',
      path: '/notifications/disturbances',
      summary: 'Take all disturbances away, and deliver what they held back',
      run: () => {
        notifications.undisturb();
      },
    }),
    route({
      method: 'POST',
      path: '/notifications/release',
      summary: 'Deliver what was held back',
      body: releaseRequest,
      run: ({ body }) => {
        notifications.release(body.order);
      },
    }),
    route({
      method: 'POST',
      path: '/notifications/send',
      summary:
        'Deliver messages once more, past all disturbances: redriven from a dead-letter queue, or in an order of ' +
        'your own',
      body: sendRequest,
      run: async ({ body: { ids, target: only } }) => {
        const messages = ids.map((id) => {
          const found = notifications.messages({ when: (message) => message.id === id })[0];
          if (found) return found;
          throw new ControlProblem(
            404,
            `There is no message ${id}. GET /_simulator/notifications/messages lists them.`,
          );
        });
        await notifications.send(messages, only === undefined ? {} : { target: only });
      },
    }),
    route({
      method: 'GET',
      path: '/notifications/messages',
      summary: 'The messages sent so far, oldest first, whatever became of them',
      query: messageQuery,
      answer: messageList,
      run: ({ query }) => ({ messages: notifications.messages(query) }),
    }),
    route({
      method: 'GET',
      path: '/notifications/deliveries',
      summary: 'The attempts to deliver them, oldest first',
      query: deliveryQuery,
      answer: deliveryList,
      run: ({ query }) => ({ deliveries: notifications.deliveries(query) }),
    }),
  ];
}
