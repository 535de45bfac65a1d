import { type AlertDescription, BY_CAUSE } from './alert-description.js';

/** Of buyers, agreements, and the messages that tell of them. */
export const SUBSCRIPTION_ALERTS = {
  chainConflict: {
    severity: ['critical'],
    subject: 'the product and the buyer',
    meaning: 'AWS’s words about a buyer’s agreements contradict each other, or two tenants claimed one relation.',
    cost: 'The subscriptions stay apart: usage recorded under both may be billed twice.',
    action: 'Record under one of them only, and compare their agreements in the AWS Marketplace Management Portal.',
    ends: 'when the agreements agree again, or no process has listed the product for an hour',
    endsBy: BY_CAUSE,
    events: [],
  },
  concurrentAgreements: {
    severity: ['warning'],
    subject: 'the product and the buyer',
    meaning: 'Two agreements of a tenant run at the same time.',
    cost: 'Usage that both could pay waits until it is known which one does.',
    action: 'Name `subscriptionId` when recording, call `choosePayer`, or set `onSeveral` to `paidFirst`.',
    ends: 'when one of them has ended, or no process has listed the product for an hour',
    endsBy: BY_CAUSE,
    events: [],
  },
  messageDeadLettered: {
    severity: ['warning', 'critical'],
    subject: 'the message, or the way by which messages came that nobody understands',
    meaning: 'A lifecycle message was not understood, or could not be applied.',
    cost: 'The state of its subscription may be wrong: usage may be sealed too long, or not at all.',
    action: 'Resolve what the message says, then `LifecycleMessages.retry`; or narrow the rule or topic that sends it.',
    ends: 'when the message was taken up again; of a way in, a week after the last one came',
    endsBy: ['cause', 'expiry'],
    events: [],
  },
  contradiction: {
    severity: ['warning', 'critical'],
    subject: 'the subscription, or messages that wait for a buyer',
    meaning:
      'AWS calls an agreement active and refuses its usage; or messages speak of agreements that no buyer has ' +
      'registered.',
    cost: 'Usage of the agreement is not billed; or a buyer who has paid does not reach your application.',
    action: 'Contact AWS Marketplace Seller Operations; or help the buyer to the registration page.',
    ends: 'when AWS’s answers agree again, or nothing waits any more',
    endsBy: BY_CAUSE,
    events: [],
  },
} as const satisfies Readonly<Record<string, AlertDescription>>;
