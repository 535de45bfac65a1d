import { type MarketplaceErrorCode, type StatusOf } from '../errors/error-catalogue.js';
import { MarketplaceMeteringError } from '../errors/marketplace-metering-error.js';

/** What a buyer reads when their arrival fails, and what their browser is told. */
export interface RefusalText {
  status: number;
  title: string;
  happened: string;
  next: string;
  retryAfterSeconds?: number;
}

const START_AGAIN =
  'Go back to AWS Marketplace, open Manage subscriptions, choose the product and press “Set up your account” ' +
  'again. You do not need to subscribe again.';
const NOT_CHARGED_TWICE = 'Your subscription at AWS is not affected.';
const OUR_SIDE =
  `This is a fault on our side and we have been told about it. ${NOT_CHARGED_TWICE} Please try again later, or ` +
  'contact support.';

const REFUSALS = {
  TOKEN_MISSING: {
    status: 400,
    title: 'Your subscription could not be recognised',
    happened: 'Your browser came here without the registration token that AWS Marketplace hands out.',
    next: START_AGAIN,
  },
  TOKEN_INVALID: {
    status: 400,
    title: 'Your subscription could not be recognised',
    happened: 'AWS Marketplace does not know the registration token that your browser brought.',
    next: START_AGAIN,
  },
  TOKEN_EXPIRED: {
    status: 410,
    title: 'This registration link has expired',
    happened: 'The registration token that your browser brought is no longer valid at AWS Marketplace.',
    next: START_AGAIN,
  },
  BODY_INVALID: {
    status: 415,
    title: 'Your subscription could not be recognised',
    happened: 'The form that your browser sent could not be read.',
    next: START_AGAIN,
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'Your subscription could not be recognised',
    happened: 'The form that your browser sent is larger than anything AWS Marketplace sends.',
    next: START_AGAIN,
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'Too many attempts',
    happened: 'There were too many registrations from your network within a minute.',
    next: 'Wait a minute, then reload this page.',
  },
  AWS_THROTTLED: {
    status: 503,
    title: 'AWS Marketplace is busy',
    happened: 'AWS Marketplace is taking no more questions at the moment, so we could not look up your subscription.',
    next: `Wait half a minute, then reload this page. ${NOT_CHARGED_TWICE}`,
    retryAfterSeconds: 30,
  },
  AWS_UNAVAILABLE: {
    status: 502,
    title: 'AWS Marketplace did not answer',
    happened: 'We asked AWS Marketplace about your subscription and got no usable answer.',
    next: `Wait a minute, then reload this page. If that does not help: ${START_AGAIN}`,
    retryAfterSeconds: 60,
  },
  AWS_SETUP: {
    status: 500,
    title: 'We cannot set up your account right now',
    happened: 'We are not able to ask AWS Marketplace about your subscription.',
    next: OUR_SIDE,
  },
  PRODUCT_UNKNOWN: {
    status: 500,
    title: 'We cannot set up your account right now',
    happened: 'You subscribed to a product that this service is not set up for yet.',
    next: OUR_SIDE,
  },
  SUBSCRIPTION_IDENTITY_INCOMPLETE: {
    status: 409,
    title: 'Your subscription is not ready yet',
    happened:
      'AWS Marketplace did not tell us enough about your subscription to set up your account. We have been told ' +
      'about it.',
    next:
      'Wait some minutes, then press “Set up your account” on AWS Marketplace again, or contact support. ' +
      NOT_CHARGED_TWICE,
  },
  SUBSCRIPTION_IDENTITY_CONFLICT: {
    status: 409,
    title: 'Your subscription needs a closer look',
    happened: 'What AWS Marketplace tells us about your subscription differs from what we have on file.',
    next: 'Please contact support, so that a person can look at it.',
  },
  REGISTRATION_FAILED: {
    status: 503,
    title: 'We cannot set up your account right now',
    happened: 'AWS Marketplace knows your subscription, but we could not store your registration.',
    next: `Wait a minute, then reload this page. ${NOT_CHARGED_TWICE}`,
    retryAfterSeconds: 60,
  },
} as const satisfies { readonly [C in MarketplaceErrorCode]?: RefusalText & { status: StatusOf<C> } };

export type RefusalCode = keyof typeof REFUSALS;

/** A buyer's arrival that leads nowhere, with everything that the page and the JSON body need. */
export class RegistrationRefusedError extends MarketplaceMeteringError {
  readonly refusal: RefusalText;

  /** @param detail for the log; what the buyer reads stands in `refusal`. Holds no token and no account id. */
  constructor(
    code: RefusalCode,
    readonly detail: string | null = null,
    change: Partial<Pick<RefusalText, 'status' | 'retryAfterSeconds'>> = {},
  ) {
    const refusal: RefusalText = { ...REFUSALS[code], ...change };
    super(code, `${refusal.happened} ${refusal.next}`);
    this.refusal = refusal;
  }
}

export function isRefusalCode(code: MarketplaceErrorCode): code is RefusalCode {
  return Object.hasOwn(REFUSALS, code);
}
