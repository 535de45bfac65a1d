import { z } from 'zod';
import { cancellationReasons } from '../market/agreement.js';
import { meteringRegions } from '../market/listing.js';
import { rumours } from '../market/market-event.js';
import { duration, moment } from './scalars.js';

const accountId = z.string().regex(/^[0-9]{1,255}$/, 'expected an AWS account id: digits only, as text');
const region = z.enum(meteringRegions as [string, ...string[]]);
const dimensionType = z.enum(['ExternallyMetered', 'Entitled']);
const dimensionName = z.string().min(1).max(255);

const title = z.exactOptional(z.string().min(1));
const regions = z.exactOptional(z.array(region).min(1));
const dimensions = z
  .array(z.union([dimensionName, z.strictObject({ name: dimensionName, type: z.exactOptional(dimensionType) })]))
  .min(1, 'expected at least one dimension, such as "users"');

export const productRequest = z
  .strictObject({
    productCode: z.exactOptional(
      z.string().regex(/^[-a-zA-Z0-9/=:_.@]{1,255}$/, 'expected 1 to 255 letters, digits or - / = : _ . @'),
    ),
    title,
    type: z.exactOptional(z.enum(['saas', 'ami', 'container'])),
    identity: z.exactOptional(z.enum(['license', 'legacy'])),
    dimensions,
    regions,
  })
  .meta({ id: 'ProductRequest' });

/** What is absent stays. */
export const productChange = z
  .strictObject({ title, dimensions: z.exactOptional(dimensions), regions })
  .meta({ id: 'ProductChange' });

export const product = z
  .object({
    productCode: z.string(),
    productId: z.string(),
    title: z.string(),
    type: z.string(),
    identity: z.enum(['license', 'legacy']),
    dimensions: z.array(z.object({ name: z.string(), type: dimensionType })),
    regions: z.array(z.string()),
  })
  .meta({ id: 'Product' });

const entitlementRequest = z.strictObject({
  dimension: dimensionName,
  value: z.union([z.number(), z.boolean(), z.string()]),
  expiresAt: z.exactOptional(moment),
});

export const entitlementsRequest = z
  .strictObject({ entitlements: z.array(entitlementRequest) })
  .meta({ id: 'EntitlementsRequest' });

const subscription = {
  productCode: z.string().min(1),
  accountId: z.exactOptional(accountId),
  freeTrial: z.exactOptional(z.boolean()),
  trialEndsAt: z.exactOptional(moment),
  startsAt: z.exactOptional(moment),
  endsAt: z.exactOptional(moment),
  entitlements: z.exactOptional(z.array(entitlementRequest)),
  offerId: z.exactOptional(z.string().min(1)),
  autoRenew: z.exactOptional(z.boolean()),
  lockoutDays: z.exactOptional(z.number().min(0)),
  resale: z.exactOptional(
    z.strictObject({ partnerAccountId: accountId, resaleAuthorizationId: z.exactOptional(z.string().min(1)) }),
  ),
};

export const subscribeRequest = z.strictObject(subscription).meta({ id: 'SubscribeRequest' });

/** The members of `subscribeRequest`, for a scenario, where one more says what to call the agreement. */
export const namedSubscription = z.strictObject({ name: z.string().min(1), ...subscription });

export const amendRequest = z
  .strictObject({
    endsAt: z.exactOptional(moment),
    entitlements: z.exactOptional(z.array(entitlementRequest)),
    offerId: z.exactOptional(z.string().min(1)),
    autoRenew: z.exactOptional(z.boolean()),
  })
  .meta({ id: 'AmendRequest' });

export const successorRequest = z
  .strictObject({
    startsAt: z.exactOptional(moment),
    as: z.exactOptional(z.enum(['newLicense', 'sameLicense', 'sameAgreement'])),
    endsAt: z.exactOptional(moment),
    entitlements: z.exactOptional(z.array(entitlementRequest)),
    offerId: z.exactOptional(z.string().min(1)),
  })
  .meta({ id: 'SuccessorRequest' });

export const endRequest = z
  .strictObject({ at: z.exactOptional(moment), as: z.exactOptional(z.enum(['EXPIRED', 'CANCELLED', 'TERMINATED'])) })
  .meta({ id: 'EndRequest' });

export const rumourRequest = z
  .strictObject({
    kind: z.enum(rumours),
    at: z.exactOptional(moment),
    status: z.exactOptional(z.enum(['CANCELLED', 'EXPIRED', 'TERMINATED', 'RENEWED', 'REPLACED'])),
  })
  .meta({ id: 'RumourRequest' });

export const cancellationRequest = z
  .strictObject({ reason: z.enum(cancellationReasons).default('OTHER'), message: z.string().default('') })
  .meta({ id: 'CancellationRequest' });

export const cancellationAnswer = z
  .strictObject({
    status: z.enum(['APPROVED', 'REJECTED', 'CANCELLED', 'VALIDATION_FAILED']),
    message: z.string().default(''),
  })
  .meta({ id: 'CancellationAnswer' });

const instant = z.iso.datetime();

export const agreement = z
  .object({
    agreementId: z.string(),
    productCode: z.string(),
    accountId: z.string(),
    customerIdentifier: z.string().optional(),
    licenseArn: z.string(),
    status: z.string(),
    previousAgreementId: z.string().optional(),
    freeTrial: z.boolean(),
    startsAt: instant,
    endsAt: instant.optional(),
    suspended: z.boolean(),
    entitlements: z.array(z.object({ dimension: z.string(), value: z.union([z.number(), z.boolean(), z.string()]) })),
  })
  .meta({ id: 'Agreement' });

export const registrationForm = z
  .object({
    fields: z
      .record(z.string(), z.string())
      .meta({ description: 'To be posted to the registration page, form-encoded' }),
  })
  .meta({ id: 'RegistrationForm' });

export const clockState = z.object({ now: instant, rate: z.number().min(0) }).meta({ id: 'Clock' });

const rate = z.number().min(0).meta({ description: 'Milliseconds here per millisecond of wall time; 0 freezes' });

export const clockRequest = z
  .strictObject({ at: z.exactOptional(moment), rate: z.exactOptional(rate) })
  .refine(({ at, rate: given }) => at !== undefined || given !== undefined, 'expected "at", "rate" or both')
  .meta({ id: 'ClockRequest' });

export const advanceRequest = z.strictObject({ by: duration }).meta({ id: 'AdvanceRequest' });
