import { sslOf } from './database-ssl.js';

type EnvironmentReader = (text: string) => unknown;
/** A file or a secret store ends its text with a line break more often than not. */
const asText: EnvironmentReader = (text) => text.trim();
const asNumber: EnvironmentReader = (text) => (text.trim() === '' ? Number.NaN : Number(text));
const asList: EnvironmentReader = (text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const asBoolean: EnvironmentReader = (text) => ({ true: true, false: false })[text.trim()] ?? text;
/** `docker --env-file` and its like keep the quotes that a shell would take off. */
const SHELL_QUOTED = /^(['"])([\s\S]*)\1$/;
const asJson: EnvironmentReader = (text) => {
  const bare = text.trim().replace(SHELL_QUOTED, '$2');
  try {
    return JSON.parse(bare) as unknown;
  } catch {
    return text;
  }
};
const asSsl: EnvironmentReader = (text) => sslOf(text);

/**
 * Environment variable of every option that can be given as text. Functions (`resolveRedirect`, `clock`,
 * `aws.credentials`) cannot; of `aws.proxy` the variables are everybody's, `HTTPS_PROXY` and `NO_PROXY`.
 */
export const ENVIRONMENT: readonly { option: string; variable: string; read: EnvironmentReader }[] = [
  { option: 'sellerAccount', variable: 'MARKETPLACE_SELLER_ACCOUNT', read: asText },
  { option: 'database.url', variable: 'DATABASE_URL', read: asText },
  { option: 'database.schema', variable: 'MARKETPLACE_DATABASE_SCHEMA', read: asText },
  { option: 'database.poolSize', variable: 'MARKETPLACE_DATABASE_POOL_SIZE', read: asNumber },
  {
    option: 'database.statementTimeoutMs',
    variable: 'MARKETPLACE_DATABASE_STATEMENT_TIMEOUT_MS',
    read: asNumber,
  },
  { option: 'database.connectTimeoutMs', variable: 'MARKETPLACE_DATABASE_CONNECT_TIMEOUT_MS', read: asNumber },
  { option: 'database.ssl', variable: 'MARKETPLACE_DATABASE_SSL', read: asSsl },
  { option: 'migrations', variable: 'MARKETPLACE_MIGRATIONS', read: asText },
  { option: 'products', variable: 'MARKETPLACE_PRODUCTS', read: asJson },
  { option: 'signUpUrl', variable: 'MARKETPLACE_SIGN_UP_URL', read: asText },
  { option: 'allowedRedirectOrigins', variable: 'MARKETPLACE_ALLOWED_REDIRECT_ORIGINS', read: asList },
  { option: 'codeTtlMs', variable: 'MARKETPLACE_CODE_TTL_MS', read: asNumber },
  { option: 'codeBinding', variable: 'MARKETPLACE_CODE_BINDING', read: asText },
  { option: 'codeCookieDomain', variable: 'MARKETPLACE_CODE_COOKIE_DOMAIN', read: asText },
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
  { option: 'aws.assumeRole.roleArn', variable: 'MARKETPLACE_AWS_ASSUME_ROLE_ARN', read: asText },
  { option: 'aws.assumeRole.externalId', variable: 'MARKETPLACE_AWS_ASSUME_ROLE_EXTERNAL_ID', read: asText },
  { option: 'aws.assumeRole.sessionName', variable: 'MARKETPLACE_AWS_ASSUME_ROLE_SESSION_NAME', read: asText },
  { option: 'aws.assumeRole.durationMs', variable: 'MARKETPLACE_AWS_ASSUME_ROLE_DURATION_MS', read: asNumber },
  { option: 'aws.assumeRole.through', variable: 'MARKETPLACE_AWS_ASSUME_ROLE_THROUGH', read: asList },
  { option: 'aws.useFipsEndpoint', variable: 'MARKETPLACE_AWS_USE_FIPS_ENDPOINT', read: asBoolean },
  { option: 'aws.useDualstackEndpoint', variable: 'MARKETPLACE_AWS_USE_DUALSTACK_ENDPOINT', read: asBoolean },
  { option: 'aws.identicalResend', variable: 'MARKETPLACE_AWS_IDENTICAL_RESEND', read: asText },
  { option: 'aws.callsPerSecond.meterUsage', variable: 'MARKETPLACE_AWS_METER_USAGE_PER_SECOND', read: asNumber },
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
  {
    option: 'aws.callsPerSecond.lookupEvents',
    variable: 'MARKETPLACE_AWS_LOOKUP_EVENTS_PER_SECOND',
    read: asNumber,
  },
  { option: 'audit.lookupEvents', variable: 'MARKETPLACE_AUDIT_LOOKUP_EVENTS', read: asText },
  { option: 'audit.onAbsent', variable: 'MARKETPLACE_AUDIT_ON_ABSENT', read: asText },
  { option: 'retention.messagesMs', variable: 'MARKETPLACE_RETENTION_MESSAGES_MS', read: asNumber },
  { option: 'retention.deliveriesMs', variable: 'MARKETPLACE_RETENTION_DELIVERIES_MS', read: asNumber },
  { option: 'retention.alertsMs', variable: 'MARKETPLACE_RETENTION_ALERTS_MS', read: asNumber },
  { option: 'retention.codesMs', variable: 'MARKETPLACE_RETENTION_CODES_MS', read: asNumber },
  { option: 'settingsRevision', variable: 'MARKETPLACE_SETTINGS_REVISION', read: asNumber },
  { option: 'startIn', variable: 'MARKETPLACE_START_IN', read: asText },
  { option: 'recording.queueSize', variable: 'MARKETPLACE_RECORDING_QUEUE_SIZE', read: asNumber },
  { option: 'recording.futureSkewMs', variable: 'MARKETPLACE_RECORDING_FUTURE_SKEW_MS', read: asNumber },
  {
    option: 'recording.idempotencyHorizonMs',
    variable: 'MARKETPLACE_RECORDING_IDEMPOTENCY_HORIZON_MS',
    read: asNumber,
  },
  { option: 'recording.timeoutMs', variable: 'MARKETPLACE_RECORDING_TIMEOUT_MS', read: asNumber },
  { option: 'recording.unknownTenants', variable: 'MARKETPLACE_RECORDING_UNKNOWN_TENANTS', read: asText },
  { option: 'submission.concurrency', variable: 'MARKETPLACE_SUBMISSION_CONCURRENCY', read: asNumber },
  { option: 'submission.callsPerSecond', variable: 'MARKETPLACE_SUBMISSION_CALLS_PER_SECOND', read: asNumber },
  { option: 'submission.spreadMs', variable: 'MARKETPLACE_SUBMISSION_SPREAD_MS', read: asNumber },
  { option: 'submission.shutdownGraceMs', variable: 'MARKETPLACE_SUBMISSION_SHUTDOWN_GRACE_MS', read: asNumber },
  { option: 'submission.requestTimeoutMs', variable: 'MARKETPLACE_SUBMISSION_REQUEST_TIMEOUT_MS', read: asNumber },
  { option: 'submission.leaseMs', variable: 'MARKETPLACE_SUBMISSION_LEASE_MS', read: asNumber },
  { option: 'submission.backoffBaseMs', variable: 'MARKETPLACE_SUBMISSION_BACKOFF_BASE_MS', read: asNumber },
  { option: 'submission.backoffCapMs', variable: 'MARKETPLACE_SUBMISSION_BACKOFF_CAP_MS', read: asNumber },
  { option: 'submission.probeIntervalMs', variable: 'MARKETPLACE_SUBMISSION_PROBE_INTERVAL_MS', read: asNumber },
  { option: 'entitlementMaxAgeMs', variable: 'MARKETPLACE_ENTITLEMENT_MAX_AGE_MS', read: asNumber },
  { option: 'entitlementStaleForMs', variable: 'MARKETPLACE_ENTITLEMENT_STALE_FOR_MS', read: asNumber },
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
  { option: 'jobs.auditIntervalMs', variable: 'MARKETPLACE_JOBS_AUDIT_INTERVAL_MS', read: asNumber },
];
