import { z } from 'zod';
import { awsSchema } from './aws-options.schema.js';
import { type Clock } from './clock.js';
import { exitSchema, resourceSchema } from './container-options.schema.js';
import { type DatabaseOptions } from './database-options.js';
import { type EntitlementOwnerOf } from './entitlement-options.js';
import { count, durationMs, HOUR_MS, MINUTES_MS, rate, secret, SECONDS_MS, webUrl } from './option-values.schema.js';
import { productSchema } from './product-options.schema.js';
import { type RegistrationOptions } from './registration-options.js';

/** `database.schema`, without its default. */
export const databaseSchema = z
  .string({ error: 'give the name of a schema, for example marketplace' })
  .regex(/^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/, {
    error:
      'give 1 to 63 lower-case letters, digits and _, not beginning with a digit or pg_, for example ' +
      'marketplace_billing',
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
    .custom<NonNullable<RegistrationOptions['resolveRedirect']>>((value) => typeof value === 'function', {
      error: 'give a function that says where a buyer goes',
    })
    .optional(),
  registrationsPerMinute: count(1, 10_000, 30),
  resolvePatienceMs: durationMs(0, MINUTES_MS, 20 * SECONDS_MS),
  support: z
    .strictObject({
      email: z.email({ error: 'give an e-mail address' }).optional(),
      url: webUrl('the support page').optional(),
    })
    .default({}),
  adminToken: secret().optional(),
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
        .array(secret(), { error: 'list one secret, or the old and the new one while you rotate' })
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
  aws: awsSchema,
  audit: z
    .strictObject({
      lookupEvents: z.enum(['saas', 'all', 'off'], { error: 'give "saas", "all" or "off"' }).default('saas'),
      onAbsent: z.enum(['wait', 'settle'], { error: 'give "wait" or "settle"' }).default('wait'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      messagesMs: durationMs(14 * 24 * HOUR_MS, 3650 * 24 * HOUR_MS, 90 * 24 * HOUR_MS),
      deliveriesMs: durationMs(24 * HOUR_MS, 3650 * 24 * HOUR_MS, 90 * 24 * HOUR_MS),
      alertsMs: durationMs(24 * HOUR_MS, 3650 * 24 * HOUR_MS, 365 * 24 * HOUR_MS),
      codesMs: durationMs(24 * HOUR_MS, 3650 * 24 * HOUR_MS, 90 * 24 * HOUR_MS),
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
