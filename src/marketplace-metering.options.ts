import { z } from 'zod';
import { type OptionProblem, OptionsInvalidError } from './errors.js';

/** Credentials as every AWS SDK v3 credential provider returns them. */
export type CredentialsProvider = () => Promise<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}>;

/** What the hook that decides the redirect is told about a buyer who has just arrived. */
export interface RegistrationArrival {
  subscriptionId: string;
  productCode: string;
  /** The single-use registration code that the redirect carries to the sign-up page. */
  code: string;
  /** `free-trial`, or undefined. */
  offerType?: string;
  /** The tenant that an earlier claim linked, or null for a buyer who is new. */
  tenantId: string | null;
}

/**
 * Business time: hours, windows, deadlines. Every rule reads it from here and hands it to SQL as a parameter, so that a
 * test or a demo can run a month in seconds. Machine time (leases, backoff, call budget) is never read from this clock:
 * it is the database's own.
 */
export interface Clock {
  now(): Date;
}

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

const productSchema = z.strictObject({
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
  type: z.enum(['saas'], { error: 'only "saas" is supported in this version' }).default('saas'),
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
    .min(1, { error: 'name at least one dimension of the listing' })
    .refine((names) => new Set(names).size === names.length, { error: 'name each dimension once' }),
  region: z
    .string()
    .regex(/^[a-z]{2,4}(-[a-z]+)+-\d+$/, { error: 'give an AWS region such as us-east-1' })
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
});

const optionsSchema = z.strictObject({
  sellerAccount: z
    .string({ error: 'give the seller account id, or any label' })
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'give 1 to 64 letters, digits or . _ -' })
    .default('default'),
  database: z.strictObject({
    url: z
      .string({ error: 'give the Postgres connection URL, for example postgres://user:password@host:5432/app' })
      .regex(/^postgres(ql)?:\/\//, { error: 'give a URL that starts with postgres:// or postgresql://' }),
    poolSize: count(2, 200, 10),
    ssl: z.custom<unknown>().optional(),
  }),
  migrations: z.enum(['run', 'verify', 'off'], { error: 'give "run", "verify" or "off"' }),
  products: z
    .array(productSchema, {
      error: 'list the products, for example [{"productCode":"abc123","dimensions":["requests"]}]',
    })
    .min(1, { error: 'list at least one product' })
    .refine((products) => new Set(products.map((product) => product.productCode)).size === products.length, {
      error: 'list each productCode once',
    }),
  signUpUrl: webUrl('the sign-up page of your application'),
  allowedRedirectOrigins: z.array(webUrl('an origin')).default([]),
  codeTtlMs: durationMs(MINUTES_MS, 24 * HOUR_MS, HOUR_MS),
  resolveRedirect: z
    .custom<(arrival: RegistrationArrival) => string | URL | Promise<string | URL>>(
      (value) => typeof value === 'function',
    )
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
          getEntitlements: rate(15),
          searchAgreements: rate(4),
          describeAgreement: rate(4),
          getAgreementTerms: rate(4),
        })
        .prefault({}),
    })
    .prefault({}),
  startIn: z.enum(['normal', 'hold'], { error: 'give "normal" or "hold"' }).default('normal'),
  recording: z
    .strictObject({
      queueSize: count(100, 1_000_000, 20_000),
      futureSkewMs: durationMs(0, HOUR_MS, 5 * MINUTES_MS),
      idempotencyHorizonMs: durationMs(24 * HOUR_MS, 3660 * 24 * HOUR_MS, 35 * 24 * HOUR_MS),
      timeoutMs: durationMs(100, 10 * MINUTES_MS, 30 * SECONDS_MS),
    })
    .prefault({}),
  submission: z
    .strictObject({
      concurrency: count(1, 64, 4),
      callsPerSecond: rate(10),
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
  entitlementMaxAgeMs: durationMs(0, 24 * HOUR_MS, 15 * MINUTES_MS),
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
    })
    .prefault({}),
  clock: z.custom<Clock>((value) => typeof (value as Clock | null)?.now === 'function', {
    error: 'give an object with now(): Date',
  }),
});

/** All options with their defaults filled in: what every room is given. */
export type ResolvedOptions = z.output<typeof optionsSchema>;
export type ProductOptions = ResolvedOptions['products'][number];
export type ProductMode = ProductOptions['mode'];

/**
 * Whether any way in for lifecycle messages is open; where none is, nobody would ever say that a subscription has
 * become active.
 */
export function followsLifecycle({ notifications }: ResolvedOptions): boolean {
  const { sqsQueueUrls, snsTopicArns, eventBridgeSecrets } = notifications;
  return sqsQueueUrls.length + snsTopicArns.length + eventBridgeSecrets.length > 0;
}

type DeepPartialInput = z.input<typeof optionsSchema>;

/**
 * What the host may give to `forRoot` or return from `forRootAsync`. Everything is optional here because each value may
 * come from its environment variable instead; `database.url`, `products` and `signUpUrl` must come from one of the two.
 * See docs/options.md for meaning, unit and default.
 */
export type Options = Partial<Omit<DeepPartialInput, 'database'>> & {
  database?: Partial<DeepPartialInput['database']>;
};

type EnvironmentReader = (text: string) => unknown;
const asText: EnvironmentReader = (text) => text;
const asNumber: EnvironmentReader = (text) => (text.trim() === '' ? Number.NaN : Number(text));
const asList: EnvironmentReader = (text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const asBoolean: EnvironmentReader = (text) => ({ true: true, false: false })[text] ?? text;
const asJson: EnvironmentReader = (text) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};
const asSsl: EnvironmentReader = (text) => (text === 'no-verify' ? { rejectUnauthorized: false } : asBoolean(text));

/**
 * Environment variable of every option that can be given as text. Functions (`resolveRedirect`, `clock`,
 * `aws.credentials`) cannot.
 */
export const ENVIRONMENT: readonly { option: string; variable: string; read: EnvironmentReader }[] = [
  { option: 'sellerAccount', variable: 'MARKETPLACE_SELLER_ACCOUNT', read: asText },
  { option: 'database.url', variable: 'DATABASE_URL', read: asText },
  { option: 'database.poolSize', variable: 'MARKETPLACE_DATABASE_POOL_SIZE', read: asNumber },
  { option: 'database.ssl', variable: 'MARKETPLACE_DATABASE_SSL', read: asSsl },
  { option: 'migrations', variable: 'MARKETPLACE_MIGRATIONS', read: asText },
  { option: 'products', variable: 'MARKETPLACE_PRODUCTS', read: asJson },
  { option: 'signUpUrl', variable: 'MARKETPLACE_SIGN_UP_URL', read: asText },
  { option: 'allowedRedirectOrigins', variable: 'MARKETPLACE_ALLOWED_REDIRECT_ORIGINS', read: asList },
  { option: 'codeTtlMs', variable: 'MARKETPLACE_CODE_TTL_MS', read: asNumber },
  { option: 'registrationsPerMinute', variable: 'MARKETPLACE_REGISTRATIONS_PER_MINUTE', read: asNumber },
  { option: 'resolvePatienceMs', variable: 'MARKETPLACE_RESOLVE_PATIENCE_MS', read: asNumber },
  { option: 'support.email', variable: 'MARKETPLACE_SUPPORT_EMAIL', read: asText },
  { option: 'support.url', variable: 'MARKETPLACE_SUPPORT_URL', read: asText },
  { option: 'adminToken', variable: 'MARKETPLACE_ADMIN_TOKEN', read: asText },
  { option: 'notifications.sqsQueueUrls', variable: 'MARKETPLACE_SQS_QUEUE_URLS', read: asList },
  { option: 'notifications.sqsEndpoint', variable: 'MARKETPLACE_SQS_ENDPOINT', read: asText },
  { option: 'notifications.snsTopicArns', variable: 'MARKETPLACE_SNS_TOPIC_ARNS', read: asList },
  { option: 'notifications.snsSignature', variable: 'MARKETPLACE_SNS_SIGNATURE', read: asText },
  { option: 'notifications.eventBridgeSecrets', variable: 'MARKETPLACE_EVENTBRIDGE_SECRETS', read: asList },
  { option: 'notifications.maxAgeMs', variable: 'MARKETPLACE_NOTIFICATION_MAX_AGE_MS', read: asNumber },
  {
    option: 'notifications.deadLetterAfterAttempts',
    variable: 'MARKETPLACE_NOTIFICATION_DEAD_LETTER_AFTER_ATTEMPTS',
    read: asNumber,
  },
  { option: 'finalHour', variable: 'MARKETPLACE_FINAL_HOUR', read: asText },
  {
    option: 'handlers.deadLetterAfterAttempts',
    variable: 'MARKETPLACE_HANDLERS_DEAD_LETTER_AFTER_ATTEMPTS',
    read: asNumber,
  },
  { option: 'handlers.backoffBaseMs', variable: 'MARKETPLACE_HANDLERS_BACKOFF_BASE_MS', read: asNumber },
  { option: 'handlers.backoffCapMs', variable: 'MARKETPLACE_HANDLERS_BACKOFF_CAP_MS', read: asNumber },
  { option: 'handlers.timeoutMs', variable: 'MARKETPLACE_HANDLERS_TIMEOUT_MS', read: asNumber },
  { option: 'reconcileAfterMs', variable: 'MARKETPLACE_RECONCILE_AFTER_MS', read: asNumber },
  { option: 'settleDelayMs', variable: 'MARKETPLACE_SETTLE_DELAY_MS', read: asNumber },
  { option: 'onExpired', variable: 'MARKETPLACE_ON_EXPIRED', read: asText },
  { option: 'aws.endpoint', variable: 'MARKETPLACE_AWS_ENDPOINT', read: asText },
  { option: 'aws.identicalResend', variable: 'MARKETPLACE_AWS_IDENTICAL_RESEND', read: asText },
  {
    option: 'aws.callsPerSecond.getEntitlements',
    variable: 'MARKETPLACE_AWS_GET_ENTITLEMENTS_PER_SECOND',
    read: asNumber,
  },
  {
    option: 'aws.callsPerSecond.searchAgreements',
    variable: 'MARKETPLACE_AWS_SEARCH_AGREEMENTS_PER_SECOND',
    read: asNumber,
  },
  {
    option: 'aws.callsPerSecond.describeAgreement',
    variable: 'MARKETPLACE_AWS_DESCRIBE_AGREEMENT_PER_SECOND',
    read: asNumber,
  },
  {
    option: 'aws.callsPerSecond.getAgreementTerms',
    variable: 'MARKETPLACE_AWS_GET_AGREEMENT_TERMS_PER_SECOND',
    read: asNumber,
  },
  { option: 'startIn', variable: 'MARKETPLACE_START_IN', read: asText },
  { option: 'recording.queueSize', variable: 'MARKETPLACE_RECORDING_QUEUE_SIZE', read: asNumber },
  { option: 'recording.futureSkewMs', variable: 'MARKETPLACE_RECORDING_FUTURE_SKEW_MS', read: asNumber },
  {
    option: 'recording.idempotencyHorizonMs',
    variable: 'MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS',
    read: asNumber,
  },
  { option: 'recording.timeoutMs', variable: 'MARKETPLACE_RECORDING_TIMEOUT_MS', read: asNumber },
  { option: 'submission.concurrency', variable: 'MARKETPLACE_SUBMISSION_CONCURRENCY', read: asNumber },
  { option: 'submission.callsPerSecond', variable: 'MARKETPLACE_SUBMISSION_CALLS_PER_SECOND', read: asNumber },
  { option: 'submission.requestTimeoutMs', variable: 'MARKETPLACE_SUBMISSION_REQUEST_TIMEOUT_MS', read: asNumber },
  { option: 'submission.leaseMs', variable: 'MARKETPLACE_SUBMISSION_LEASE_MS', read: asNumber },
  { option: 'submission.backoffBaseMs', variable: 'MARKETPLACE_SUBMISSION_BACKOFF_BASE_MS', read: asNumber },
  { option: 'submission.backoffCapMs', variable: 'MARKETPLACE_SUBMISSION_BACKOFF_CAP_MS', read: asNumber },
  { option: 'submission.probeIntervalMs', variable: 'MARKETPLACE_SUBMISSION_PROBE_INTERVAL_MS', read: asNumber },
  { option: 'entitlementMaxAgeMs', variable: 'MARKETPLACE_ENTITLEMENT_MAX_AGE_MS', read: asNumber },
  { option: 'deadlineAlertMs', variable: 'MARKETPLACE_DEADLINE_ALERT_MS', read: asNumber },
  { option: 'zeroRecordLeadMs', variable: 'MARKETPLACE_ZERO_RECORD_LEAD_MS', read: asNumber },
  { option: 'jobs.autoStart', variable: 'MARKETPLACE_JOBS_AUTO_START', read: asBoolean },
  { option: 'jobs.sealIntervalMs', variable: 'MARKETPLACE_JOBS_SEAL_INTERVAL_MS', read: asNumber },
  { option: 'jobs.submitIntervalMs', variable: 'MARKETPLACE_JOBS_SUBMIT_INTERVAL_MS', read: asNumber },
  { option: 'jobs.deadlineIntervalMs', variable: 'MARKETPLACE_JOBS_DEADLINE_INTERVAL_MS', read: asNumber },
  { option: 'jobs.recoveryIntervalMs', variable: 'MARKETPLACE_JOBS_RECOVERY_INTERVAL_MS', read: asNumber },
  { option: 'jobs.inboxIntervalMs', variable: 'MARKETPLACE_JOBS_INBOX_INTERVAL_MS', read: asNumber },
  { option: 'jobs.deliverIntervalMs', variable: 'MARKETPLACE_JOBS_DELIVER_INTERVAL_MS', read: asNumber },
  { option: 'jobs.reconcileIntervalMs', variable: 'MARKETPLACE_JOBS_RECONCILE_INTERVAL_MS', read: asNumber },
];

/**
 * Options of the host over environment variables over defaults, checked at once.
 * @throws OptionsInvalidError with every problem, each naming the option, its environment variable and the fix.
 */
export function resolveOptions(given: Options = {}, environment: NodeJS.ProcessEnv = process.env): ResolvedOptions {
  const input = copyOf(given);
  for (const { option, variable, read } of ENVIRONMENT) {
    const text = environment[variable];
    if (text !== undefined && text !== '') fillIn(input, option.split('.'), () => read(text));
  }
  input.clock ??= { now: () => new Date() };
  input.database ??= {};
  input.migrations ??= environment.NODE_ENV === 'production' ? 'verify' : 'run';

  const result = optionsSchema.safeParse(input);
  const problems = result.success ? [] : result.error.issues.flatMap(problemsOf);
  if (result.success) return result.data;
  throw new OptionsInvalidError(problems);
}

function copyOf(given: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, isPlainObject(value) ? copyOf(value) : (value as unknown)]),
  );
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function fillIn(target: Record<string, unknown>, [head = '', ...rest]: string[], read: () => unknown): void {
  if (rest.length === 0) {
    target[head] ??= read();
    return;
  }
  target[head] ??= {};
  const next = target[head];
  // A host that gave something else than an object hears of it from the schema; the environment does not paper over it.
  if (isPlainObject(next)) fillIn(next as Record<string, unknown>, rest, read);
}

function problemsOf(issue: z.core.$ZodIssue): OptionProblem[] {
  const at = (path: PropertyKey[]): Pick<OptionProblem, 'option' | 'environmentVariable'> => {
    const names = path.filter((part) => typeof part === 'string').join('.');
    const source = ENVIRONMENT.find(({ option }) => names === option || names.startsWith(`${option}.`));
    const option = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return { option: option.replace(/^\./, ''), environmentVariable: source?.variable ?? null };
  };
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...at([...issue.path, key]),
      fix: 'there is no such option; correct its name or remove it',
    }));
  }
  return [{ ...at(issue.path), fix: issue.message }];
}

/** Path of every option, products' fields included; docs/options.md and docs/acceptance.md are checked against it. */
export function optionNames(): string[] {
  const leaves = (shape: Record<string, z.core.$ZodType>, prefix: string): string[] =>
    Object.entries(shape).flatMap(([key, schema]) => {
      const inner = unwrapped(schema);
      if (inner instanceof z.ZodObject) return leaves(inner.shape, `${prefix}${key}.`);
      if (inner instanceof z.ZodArray && unwrapped(inner.element) instanceof z.ZodObject) {
        return leaves((unwrapped(inner.element) as z.ZodObject).shape, `${prefix}${key}[].`);
      }
      return [`${prefix}${key}`];
    });
  return leaves(optionsSchema.shape, '');
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const wrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault;
  return wrapped ? unwrapped(schema.unwrap()) : schema;
}
