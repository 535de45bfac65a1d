import { z } from 'zod';
import { type CredentialsProvider } from './aws-options.js';
import { type Clock } from './clock.js';
import { exitSchema, registerUsageSchema, resourceSchema } from './container-options.schema.js';
import { type DatabaseOptions } from './database-options.js';
import { type EntitlementOwnerOf } from './entitlement-options.js';
import { includedUnitsSchema, pairingProblems } from './included-options.schema.js';
import { type RegistrationOptions } from './registration-options.js';

const PRODUCT_CODE = /^[-a-zA-Z0-9/=:_.@]{1,255}$/;
const SECONDS_MS = 1000;
const MINUTES_MS = 60 * SECONDS_MS;
const HOUR_MS = 60 * MINUTES_MS;

const durationMs = (minMs: number, maxMs: number, defaultMs: number) =>
  z
    .number({ error: `give a whole number of milliseconds from ${minMs} to ${maxMs}` })
    .int({ error: 'give a whole number of milliseconds' })
    .min(minMs, { error: `give at least ${minMs} ms` })
    .max(maxMs, { error: `give at most ${maxMs} ms` })
    .default(defaultMs);

const count = (min: number, max: number, fallback: number) =>
  z
    .number({ error: `give a whole number from ${min} to ${max}` })
    .int({ error: 'give a whole number' })
    .min(min, { error: `give at least ${min}` })
    .max(max, { error: `give at most ${max}` })
    .default(fallback);

/** Calls per second. */
const rate = (fallback: number) =>
  z
    .number({ error: 'give calls per second' })
    .min(0.1, { error: 'give at least 0.1' })
    .max(1000, { error: 'give at most 1000' })
    .default(fallback);

const webUrl = (what: string) =>
  z.string({ error: `give ${what}, for example https://app.example.com/sign-up` }).refine(
    (text) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      return (
        url !== null &&
        (url.protocol === 'https:' || url.protocol === 'http:') &&
        url.username === '' &&
        url.password === ''
      );
    },
    { error: `give ${what} as an absolute http(s) URL without user name or password` },
  );

/** `database.schema`, without its default. */
export const databaseSchema = z
  .string({ error: 'give the name of a schema, for example marketplace' })
  .regex(/^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/, {
    error:
      'give 1 to 63 lower-case letters, digits and _, not beginning with a digit or pg_, for example ' +
      'marketplace_billing',
  });

/** One entry of `products`. */
export const productSchema = z
  .strictObject({
    productCode: z
      .string({ error: 'give the product code of the listing (not the prod-… entity id)' })
      .regex(PRODUCT_CODE, {
        error: 'give the product code of the listing: letters, digits and - / = : _ . @ (not the prod-… entity id)',
      })
      .refine((code) => !code.startsWith('prod-'), {
        error: 'this is the entity id of the listing; give its product code',
      }),
    productId: z
      .string()
      .regex(/^prod-[a-z0-9]+$/, { error: 'give the entity id of the listing, prod-…' })
      .optional(),
    type: z.enum(['saas', 'container', 'ami'], { error: 'give "saas", "container" or "ami"' }).default('saas'),
    usageOperation: z
      .enum(['MeterUsage', 'RegisterUsage', 'both'], { error: 'give "MeterUsage", "RegisterUsage" or "both"' })
      .default('MeterUsage'),
    registerUsage: registerUsageSchema.optional(),
    agentCore: z.boolean({ error: 'give true or false' }).default(false),
    onShutdown: z.enum(['flush', 'keep'], { error: 'give "flush" or "keep"' }).default('keep'),
    identity: z
      .enum(['license', 'legacy'], {
        error: 'give "license" (LicenseArn, listings since June 2026) or "legacy" (ProductCode)',
      })
      .default('license'),
    dimensions: z
      .array(
        z
          .string()
          .min(1, { error: 'a dimension name must not be empty' })
          .max(255, { error: 'a dimension name has at most 255 characters' }),
        {
          error: 'list the API names of the dimensions, for example ["requests"]',
        },
      )
      .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' }),
    contractDimensions: z
      .array(z.string().min(1, { error: 'a dimension name must not be empty' }).max(255), {
        error: 'list the API names of the dimensions that are bought in advance',
      })
      .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' })
      .default([]),
    included: z.enum(['aws', 'module'], { error: 'give "aws" or "module"' }).optional(),
    includedUnits: z.array(includedUnitsSchema, { error: 'list which units a contract includes' }).default([]),
    region: z
      .string()
      .regex(/^(auto|[a-z]{2,4}(-[a-z]+)+-\d+)$/, { error: 'give an AWS region such as us-east-1' })
      .default('us-east-1'),
    mode: z.enum(['live', 'dry-run', 'off'], { error: 'give "live", "dry-run" or "off"' }).default('live'),
    liveFrom: z
      .union([z.date(), z.iso.datetime({ offset: true }).transform((text) => new Date(text))], {
        error: 'give the first hour to bill, a Date or ISO time such as 2026-12-01T00:00:00Z',
      })
      .refine((hour) => hour.getTime() % HOUR_MS === 0, { error: 'give the start of a UTC hour' })
      .optional(),
    zeroRecords: z
      .enum(['atWindowEdge', 'atSeal', 'off'], { error: 'give "atWindowEdge", "atSeal" or "off"' })
      .default('atWindowEdge'),
    onSeveral: z.enum(['wait', 'paidFirst'], { error: 'give "wait" or "paidFirst"' }).default('wait'),
  })
  .superRefine((product, context) => {
    for (const { path, fix } of pairingProblems(product)) context.addIssue({ code: 'custom', path, message: fix });
  });

const PRODUCTS_EXAMPLE = '[{"productCode":"abc123","dimensions":["requests"]}]';

/** Why text is no JSON, in the parser's words. */
function jsonFault(text: string): string {
  try {
    JSON.parse(text);
    return 'it is not a list';
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The rules of every option, and its default. What an option means stands at its interface member; that the two agree
 * is proven by `test/options/interfaces.spec.ts`.
 */
export const optionsSchema = z.strictObject({
  sellerAccount: z
    .string({ error: 'give the seller account id, or any label' })
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'give 1 to 64 letters, digits or . _ -' })
    .default('default'),
  database: z.strictObject({
    url: z
      .string({ error: 'give the Postgres connection URL, for example postgres://user:password@host:5432/app' })
      .regex(/^postgres(ql)?:\/\//, { error: 'give a URL that starts with postgres:// or postgresql://' }),
    schema: databaseSchema.default('marketplace'),
    password: z
      .custom<NonNullable<DatabaseOptions['password']>>((value) => typeof value === 'function', {
        error: 'give a function that returns the password; text belongs into database.url or PGPASSWORD',
      })
      .optional(),
    poolSize: count(2, 200, 10),
    statementTimeoutMs: durationMs(100, 10 * MINUTES_MS, 30 * SECONDS_MS),
    connectTimeoutMs: durationMs(100, 2 * MINUTES_MS, 10 * SECONDS_MS),
    ssl: z
      .custom<NonNullable<DatabaseOptions['ssl']>>(
        (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
        {
          error:
            'give true, false or options of tls.connect; as a variable disable, require (encrypted, no certificate ' +
            'is looked at), verify-ca or verify-full. There is no prefer or allow: they fall back to plain text',
        },
      )
      .optional(),
  }),
  migrations: z.enum(['run', 'verify', 'off'], { error: 'give "run", "verify" or "off"' }),
  products: z
    .array(productSchema, {
      error: ({ input }) =>
        typeof input === 'string' && input.trim() !== ''
          ? `this is no JSON: ${jsonFault(input)}; it was read as ${JSON.stringify(input.slice(0, 80))}. List the ` +
            `products, for example ${PRODUCTS_EXAMPLE}`
          : `list the products, for example ${PRODUCTS_EXAMPLE}`,
    })
    .min(1, { error: 'list at least one product' })
    .refine((products) => new Set(products.map((product) => product.productCode)).size === products.length, {
      error: 'list each productCode once',
    }),
  signUpUrl: webUrl('the sign-up page of your application').optional(),
  allowedRedirectOrigins: z.array(webUrl('an origin')).default([]),
  codeTtlMs: durationMs(MINUTES_MS, 24 * HOUR_MS, HOUR_MS),
  codeBinding: z.enum(['browser', 'none'], { error: 'give "browser" or "none"' }).default('browser'),
  codeCookieDomain: z
    .string({ error: 'give a domain, for example example.com' })
    .regex(/^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/, {
      error: 'give a domain in lower case, without a dot in front, for example example.com',
    })
    .optional(),
  resolveRedirect: z
    .custom<NonNullable<RegistrationOptions['resolveRedirect']>>((value) => typeof value === 'function')
    .optional(),
  registrationsPerMinute: count(1, 10_000, 30),
  resolvePatienceMs: durationMs(0, MINUTES_MS, 20 * SECONDS_MS),
  support: z
    .strictObject({
      email: z.email({ error: 'give an e-mail address' }).optional(),
      url: webUrl('the support page').optional(),
    })
    .default({}),
  adminToken: z
    .string()
    .min(24, { error: 'give at least 24 characters, for example the output of `openssl rand -hex 32`' })
    .optional(),
  notifications: z
    .strictObject({
      sqsQueueUrls: z.array(webUrl('the URL of an SQS queue')).default([]),
      sqsEndpoint: webUrl('an endpoint').optional(),
      snsTopicArns: z
        .array(
          z.string().regex(/^arn:aws[a-zA-Z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$/, {
            error:
              'give the ARN of the topic, for example ' +
              'arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-<product code>',
          }),
          { error: 'list the ARNs of the topics' },
        )
        .default([]),
      snsSignature: z.enum(['any', 'v2'], { error: 'give "any" or "v2"' }).default('any'),
      eventBridgeSecrets: z
        .array(
          z
            .string()
            .min(24, { error: 'give at least 24 characters, for example the output of `openssl rand -hex 32`' }),
          {
            error: 'list one secret, or the old and the new one while you rotate',
          },
        )
        .max(2, { error: 'give at most two: the old and the new one while you rotate' })
        .default([]),
      maxAgeMs: durationMs(MINUTES_MS, 30 * 24 * HOUR_MS, 24 * HOUR_MS),
      deadLetterAfterAttempts: count(1, 1000, 10),
    })
    .prefault({}),
  finalHour: z.enum(['atOnce', 'atHourEnd'], { error: 'give "atOnce" or "atHourEnd"' }).default('atOnce'),
  handlers: z
    .strictObject({
      deadLetterAfterAttempts: count(1, 1000, 12),
      backoffBaseMs: durationMs(1, MINUTES_MS, SECONDS_MS),
      backoffCapMs: durationMs(1, 24 * HOUR_MS, HOUR_MS),
      timeoutMs: durationMs(100, 30 * MINUTES_MS, MINUTES_MS),
    })
    .prefault({}),
  reconcileAfterMs: durationMs(MINUTES_MS, 30 * 24 * HOUR_MS, 24 * HOUR_MS),
  settleDelayMs: durationMs(0, 2 * HOUR_MS, 10 * MINUTES_MS),
  onExpired: z.enum(['carry', 'hold'], { error: 'give "carry" or "hold"' }).default('carry'),
  aws: z
    .strictObject({
      endpoint: webUrl('an endpoint').optional(),
      credentials: z
        .custom<CredentialsProvider>((value) => typeof value === 'function', {
          error: 'give a function that returns credentials',
        })
        .optional(),
      identicalResend: z.enum(['unknown', 'success'], { error: 'give "unknown" or "success"' }).default('unknown'),
      // A little below AWS's published quotas (20/s and 5/s; GetAgreementTerms 5/s or 10/s): other tools of the account
      // share them.
      callsPerSecond: z
        .strictObject({
          meterUsage: rate(5),
          getEntitlements: rate(15),
          searchAgreements: rate(4),
          describeAgreement: rate(4),
          getAgreementTerms: rate(4),
          lookupEvents: rate(1),
        })
        .prefault({}),
    })
    .prefault({}),
  audit: z
    .strictObject({
      lookupEvents: z.enum(['saas', 'all', 'off'], { error: 'give "saas", "all" or "off"' }).default('saas'),
      onAbsent: z.enum(['wait', 'settle'], { error: 'give "wait" or "settle"' }).default('wait'),
    })
    .prefault({}),
  settingsRevision: count(0, 2_147_483_647, 0),
  startIn: z.enum(['normal', 'hold'], { error: 'give "normal" or "hold"' }).default('normal'),
  recording: z
    .strictObject({
      queueSize: count(100, 1_000_000, 20_000),
      futureSkewMs: durationMs(0, HOUR_MS, 5 * MINUTES_MS),
      idempotencyHorizonMs: durationMs(24 * HOUR_MS, 3660 * 24 * HOUR_MS, 35 * 24 * HOUR_MS),
      timeoutMs: durationMs(100, 10 * MINUTES_MS, 30 * SECONDS_MS),
      unknownTenants: z.enum(['refuse', 'ignore'], { error: 'give "refuse" or "ignore"' }).default('refuse'),
    })
    .prefault({}),
  submission: z
    .strictObject({
      concurrency: count(1, 64, 4),
      callsPerSecond: rate(10),
      spreadMs: durationMs(0, HOUR_MS, 5 * MINUTES_MS),
      shutdownGraceMs: durationMs(SECONDS_MS, HOUR_MS, 30 * SECONDS_MS),
      requestTimeoutMs: durationMs(100, 2 * MINUTES_MS, 15 * SECONDS_MS),
      leaseMs: durationMs(500, 30 * MINUTES_MS, MINUTES_MS),
      backoffBaseMs: durationMs(1, MINUTES_MS, SECONDS_MS),
      backoffCapMs: durationMs(1, HOUR_MS, 5 * MINUTES_MS),
      probeIntervalMs: durationMs(1, 24 * HOUR_MS, 5 * MINUTES_MS),
    })
    .prefault({})
    .refine(({ leaseMs, requestTimeoutMs }) => leaseMs >= 2 * requestTimeoutMs, {
      path: ['leaseMs'],
      error: 'give at least twice submission.requestTimeoutMs, so that a lease outlives the call it covers',
    }),
  container: z
    .strictObject({
      resource: resourceSchema.optional(),
      serves: z.boolean({ error: 'give true or false' }).optional(),
      startPatienceMs: durationMs(0, 24 * HOUR_MS, 30 * MINUTES_MS),
      startJitterMs: durationMs(0, 10 * MINUTES_MS, 5 * SECONDS_MS),
      listenAfterMs: durationMs(0, 24 * HOUR_MS, 15 * SECONDS_MS),
      exit: exitSchema.optional(),
    })
    .prefault({}),
  entitlementMaxAgeMs: durationMs(0, 24 * HOUR_MS, 15 * MINUTES_MS),
  entitlementOwner: z
    .custom<EntitlementOwnerOf>((value) => typeof value === 'function', {
      error: 'give a function that says whose a request is',
    })
    .optional(),
  entitlementStaleForMs: durationMs(0, 30 * 24 * HOUR_MS, 24 * HOUR_MS),
  deadlineAlertMs: durationMs(0, 24 * HOUR_MS, 2 * HOUR_MS),
  zeroRecordLeadMs: durationMs(MINUTES_MS, 23 * HOUR_MS, 3 * HOUR_MS),
  jobs: z
    .strictObject({
      autoStart: z.boolean({ error: 'give true or false' }).default(true),
      sealIntervalMs: durationMs(10, HOUR_MS, MINUTES_MS),
      submitIntervalMs: durationMs(10, HOUR_MS, 15 * SECONDS_MS),
      deadlineIntervalMs: durationMs(10, HOUR_MS, MINUTES_MS),
      recoveryIntervalMs: durationMs(10, HOUR_MS, 30 * SECONDS_MS),
      inboxIntervalMs: durationMs(10, HOUR_MS, 15 * SECONDS_MS),
      deliverIntervalMs: durationMs(10, HOUR_MS, 15 * SECONDS_MS),
      reconcileIntervalMs: durationMs(10, 24 * HOUR_MS, MINUTES_MS),
      auditIntervalMs: durationMs(10, 24 * HOUR_MS, MINUTES_MS),
    })
    .prefault({}),
  clock: z.custom<Clock>((value) => typeof (value as Clock | null)?.now === 'function', {
    error: 'give an object with now(): Date',
  }),
});
