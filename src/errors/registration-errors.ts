import { type ErrorDescription } from './error-description.js';

/** Of a buyer's arrival, and of claiming it. */
export const REGISTRATION_ERRORS = {
  TOKEN_MISSING: {
    seenBy: ['buyer'],
    status: [400],
    meaning: 'A browser came to the landing page without a registration token.',
    fix: 'The buyer starts again from AWS Marketplace.',
  },
  TOKEN_INVALID: {
    seenBy: ['buyer'],
    status: [400],
    meaning: 'AWS does not know the registration token.',
    fix:
      'The buyer starts again. If it befalls all: the credentials must be of the account that published the ' +
      'product.',
  },
  TOKEN_EXPIRED: {
    seenBy: ['buyer'],
    status: [410],
    meaning: 'The registration token is no longer valid.',
    fix: 'The buyer starts again from AWS Marketplace.',
  },
  TOO_MANY_REQUESTS: {
    seenBy: ['buyer'],
    status: [429],
    meaning: 'One client has brought more tokens in vain than `registrationsPerMinute` allows.',
    fix: 'Wait for `Retry-After`; trust your proxy where clients share its address.',
  },
  AWS_THROTTLED: {
    seenBy: ['buyer'],
    status: [503],
    meaning: 'AWS throttled ResolveCustomer for as long as `resolvePatienceMs`.',
    fix: 'The buyer reloads the page after half a minute.',
  },
  AWS_UNAVAILABLE: {
    seenBy: ['buyer'],
    status: [502, 503],
    meaning: 'ResolveCustomer brought no usable answer (502), or none at all (503).',
    fix: 'The buyer reloads the page after a minute; look at the network if it lasts.',
  },
  AWS_SETUP: {
    seenBy: ['buyer'],
    status: [500],
    meaning: 'AWS refuses ResolveCustomer: credentials or permission.',
    fix: 'See the alert `setupError`; the buyer comes again.',
  },
  PRODUCT_UNKNOWN: {
    seenBy: ['buyer', 'caller'],
    status: [500],
    meaning: 'A product is not listed in the options.',
    fix: 'Add it to `products`; the buyer comes again.',
  },
  BODY_INVALID: {
    seenBy: ['buyer', 'sender'],
    status: [400, 415],
    meaning: 'A body could not be read: the form of a buyer (415), or a message (400).',
    fix: 'Send a form, or the JSON that SNS and EventBridge send; look for what changes it on the way.',
  },
  BODY_TOO_LARGE: {
    seenBy: ['buyer', 'sender'],
    status: [413],
    meaning: 'A body is larger than anything AWS sends.',
    fix: 'Nothing: it is not of AWS.',
  },
  REGISTRATION_FAILED: {
    seenBy: ['buyer'],
    status: [503],
    meaning: 'AWS knows the buyer, and the registration could not be stored.',
    fix: 'The buyer reloads the page; look at the database.',
  },
  REDIRECT_REFUSED: {
    seenBy: ['caller'],
    status: [],
    meaning: '`resolveRedirect` returned an address at an origin that is not allowed.',
    fix: 'Add the origin to `allowedRedirectOrigins`, or correct the function.',
  },
  CODE_UNKNOWN: {
    seenBy: ['buyer', 'caller'],
    status: [404],
    meaning: 'There is no such registration code.',
    fix: 'Pass on `registrationCode` of the URL as it came; the buyer starts again.',
  },
  CODE_EXPIRED: {
    seenBy: ['buyer', 'caller'],
    status: [410],
    meaning: 'The registration code is older than `codeTtlMs`.',
    fix: 'The buyer starts again from AWS Marketplace.',
  },
  CODE_USED: {
    seenBy: ['buyer', 'caller'],
    status: [409],
    meaning: 'The registration code was claimed by another tenant.',
    fix: 'For another account the buyer starts again from AWS Marketplace.',
  },
  CODE_OF_OTHER_BROWSER: {
    seenBy: ['buyer', 'caller'],
    status: [403],
    meaning:
      'The registration code was handed to another browser than the one that signs up, or that one keeps no cookies.',
    fix:
      'The buyer starts again from AWS Marketplace in this browser. If it befalls all: the sign-up page is at another ' +
      'host than the landing page; see `codeCookieDomain` and `codeBinding`.',
  },
  BROWSER_NOT_GIVEN: {
    seenBy: ['caller'],
    status: [],
    meaning: '`claim` was not told in which request the buyer signs up.',
    fix: 'Give it: `claim(code, { tenantId, browser: request })`.',
  },
  CLAIM_UNDER_WAY: {
    seenBy: ['buyer', 'caller'],
    status: [503],
    meaning:
      'Another transaction that claims the same registration has stayed open for five seconds; nothing was written.',
    fix: 'Try again. If it lasts, a transaction of your application that claims is left open: end it.',
  },
  LINKED_TO_OTHER_TENANT: {
    seenBy: ['buyer', 'caller'],
    status: [409],
    meaning: 'The subscription belongs to another tenant.',
    fix: 'Let the buyer sign in to the account that has it.',
  },
  TENANT_INVALID: {
    seenBy: ['buyer', 'caller'],
    status: [400],
    meaning: 'The tenant id does not hold.',
    fix: 'Give the id that your application knows the tenant by, in the form that the message names.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
