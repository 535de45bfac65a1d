import { type MarketplaceEventType } from './marketplace-event.js';

/**
 * When each type of event is told. docs/events.md is made of it and of the payloads' types. A type that is not here,
 * and one that has no payload, do not compile; one that nobody tells fails a test.
 */
export const EVENT_CATALOGUE: Readonly<Record<MarketplaceEventType, string>> = {
  'subscription.registered': 'a subscription was entered: its buyer has arrived, or AWS has told of it',
  'subscription.claimed': 'your application linked it to a tenant',
  'subscription.unlinked':
    'an operator has [undone its link](registration.md) to `tenantId`: end what the tenant has by it. What AWS has ' +
    'billed meanwhile is a matter between you and the buyer',
  'subscription.activated':
    'usage may be metered: the first word of AWS that the purchase holds, or the return of a subscription that was ' +
    'suspended, failed or ended',
  'subscription.renewed':
    'a new agreement goes on where the one before it has ended: a renewal, a replacement, a return before the ' +
    'end was ' +
    'told. Told at its start, never before',
  'subscription.converted': 'a free trial has become a paid agreement',
  'subscription.suspended': "AWS suspects closure, compromise, abuse or fraud of the buyer's account",
  'subscription.ending':
    'its last agreement is over, or has a sign of its end; [the last hours](lifecycle.md) may still be sent',
  'subscription.ended': 'its books are closed',
  'subscription.failed': 'the purchase did not go through',
  'subscription.folded':
    'another subscription turned out to be a part of this one: its id is an alias from now on, usage recorded ' +
    'under it ' +
    "is this one's",
  'subscription.notice':
    'another word of AWS: terms, license or entitlements may have changed (read them again), or a notice for ' +
    'information',
  'entitlement.changed':
    '[GetEntitlements](entitlements.md) says something else than last time, or something for the first time, when ' +
    '`previous` is null',
  'metering.deadlineNear': 'a record is not with AWS yet, and will soon be too late; once per record',
  'metering.blocked':
    'AWS refused the record, or the ledger does not bear it out (`ledgerMismatch`); `reason` says why ' +
    '(`notSubscribed`, `invalidDimension`, …)',
  'metering.conflict': 'AWS has another record for that hour, which none of ours explains',
  'metering.expired':
    'not taken before its cutoff, and AWS does not have it: `annulled` and planned anew, or `held`; `reason` is what ' +
    'AWS had against it last',
  'metering.unknown': 'past its cutoff, and AWS may or may not have it',
  'metering.closed':
    'closed for any other reason: by a decision, by the mode of the product, because its usage belongs ' +
    'elsewhere, or by ' +
    'the end of its period',
  'metering.overBilled': 'AWS has billed units that the ledger had given up or handed back',
  'alert.raised':
    'any [alert](alerts.md) opens or becomes critical, and again after an hour, two, four and so on up to a day, until ' +
    'it is resolved or acknowledged (no `productCode`)',
  'alert.resolved':
    'an alert has ended: its cause is gone, or a person has dealt with it. Within a minute; one that opens again before ' +
    'that goes on without a word (no `productCode`)',
};

/** Every type of event there is. */
export const MARKETPLACE_EVENT_TYPES = Object.keys(EVENT_CATALOGUE) as readonly MarketplaceEventType[];
