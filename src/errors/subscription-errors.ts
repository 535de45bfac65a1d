import { type ErrorDescription } from './error-description.js';

/** Of subscriptions, entitlements and jobs. */
export const SUBSCRIPTION_ERRORS = {
  NO_SUBSCRIPTION: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The tenant has no subscription that fits.',
    fix: 'Check whether the tenant has claimed one, and of which product.',
  },
  SEVERAL_SUBSCRIPTIONS: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The tenant has several subscriptions that fit.',
    fix: 'Name the subscription, or the product. `check` and `@RequireEntitlement` take any of them.',
  },
  CUSTOMER_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'A customer from before the module does not hold.',
    fix: 'Correct the fields that the message names.',
  },
  SUBSCRIPTION_IDENTITY_CONFLICT: {
    seenBy: ['buyer', 'caller'],
    status: [409],
    meaning: 'What AWS tells of a buyer differs from what is on file.',
    fix: 'Compare both in the AWS Marketplace Management Portal: a person must decide.',
  },
  SUBSCRIPTION_IDENTITY_INCOMPLETE: {
    seenBy: ['buyer', 'caller'],
    status: [409],
    meaning: 'AWS told too little of a buyer to meter them.',
    fix: 'The buyer comes again after some minutes; check `identity` of the product, see the alert `setupError`.',
  },
  INSTANT_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'An instant is none.',
    fix: 'Give a valid Date.',
  },
  ENTITLEMENT_UNKNOWN: {
    seenBy: ['caller'],
    status: [],
    meaning: 'Entitlements are not known, and AWS cannot be asked now.',
    fix: 'Treat it as not entitled, or ask again; `cause` and the alert `setupError` say why.',
  },
  ENTITLEMENT_REQUIRED: {
    seenBy: ['buyer'],
    status: [403],
    meaning:
      'A route asks for an entitlement (`@RequireEntitlement`) that the buyer does not hold, or of which nothing is known.',
    fix: 'The message says which, and why: the buyer amends the contract, or AWS must be asked again.',
  },
  ENTITLEMENT_OWNER_MISSING: {
    seenBy: ['caller'],
    status: [],
    meaning: 'A route has `@RequireEntitlement` or `@Metered`, and nothing says whose its requests are.',
    fix: 'Give `entitlementOwner`: a function that says whose a request is.',
  },
  ENTITLEMENTS_UNAVAILABLE: {
    seenBy: ['caller'],
    status: [],
    meaning:
      'Entitlements of an AMI or container product were asked for: GetEntitlements wants the seller’s credentials.',
    fix: 'Ask License Manager in the buyer’s account, or give `units` in `includedUnits`; see docs/contracts.md.',
  },
  CUT_OVER_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The hour from which a product is to be metered under licenses does not hold.',
    fix: 'Give the start of a UTC hour in the future.',
  },
  JOB_UNKNOWN: {
    seenBy: ['caller'],
    status: [],
    meaning: 'There is no job of that name.',
    fix: 'Give a name of the type `JobName`.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
