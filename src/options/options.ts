import { type AuditOptions } from './audit-options.js';
import { type AwsOptions } from './aws-options.js';
import { type Clock } from './clock.js';
import { type ContainerOptions } from './container-options.js';
import { type DatabaseOptions } from './database-options.js';
import { type EntitlementOptions } from './entitlement-options.js';
import { type EventDeliveryOptions } from './event-delivery-options.js';
import { type JobOptions } from './job-options.js';
import { type NotificationOptions } from './notification-options.js';
import { type ProductOptions } from './product-options.js';
import { type RecordingOptions } from './recording-options.js';
import { type RegistrationOptions } from './registration-options.js';
import { type RetentionOptions } from './retention-options.js';
import { type SubmissionOptions } from './submission-options.js';
import { type TimingOptions } from './timing-options.js';

/**
 * What the host may give to `forRoot` or return from `forRootAsync`. Everything is optional here, because each value
 * may come from its environment variable instead; `database.url`, `products` and `signUpUrl` must come from one of the
 * two. What the code gives wins over the environment.
 */
export interface Options extends RegistrationOptions, TimingOptions, EntitlementOptions {
  /** Where the ledger lives, and how the module connects to it. */
  database?: DatabaseOptions | undefined;
  /** Your listings on AWS Marketplace: at least one, each product code once. */
  products?: ProductOptions[] | undefined;
  /** How AWS's lifecycle messages come in. */
  notifications?: NotificationOptions | undefined;
  /** How software of type `container` or `ami` starts in a buyer's account. */
  container?: ContainerOptions | undefined;
  /** How AWS Marketplace is called. */
  aws?: AwsOptions | undefined;
  /** How the ledger is compared with CloudTrail. */
  audit?: AuditOptions | undefined;
  /** What `record()` takes, and how long it waits. */
  recording?: RecordingOptions | undefined;
  /** How sealed records go to AWS. */
  submission?: SubmissionOptions | undefined;
  /** How events are handed to your handlers. */
  handlers?: EventDeliveryOptions | undefined;
  /** How long what is no evidence is kept. */
  retention?: RetentionOptions | undefined;
  /** The jobs that run in every process. */
  jobs?: JobOptions | undefined;
  /**
   * First column of every key, so that several instances or sellers can share a database. Never change it: another one
   * begins an empty ledger. Messages for another account are refused where it is an account id.
   *
   * Give your AWS account id, or any label.
   *
   * @range 1 to 64 letters, digits or `. _ -`
   * @defaultValue `default`
   * @environment MARKETPLACE_SELLER_ACCOUNT
   */
  sellerAccount?: string | undefined;
  /**
   * Which settings are newer. A process that starts with settings that were in force before others (another mode,
   * identity, endpoint) is taken for an old one: it waits, with the alert `settingsDiffer`. With a higher revision its
   * settings come into force, whatever was before; one with a lower revision always waits.
   *
   * Raise it to go back to settings that were in force before, as with a deployment that is rolled back.
   *
   * @unit revisions
   * @range 0 to 2,147,483,647
   * @defaultValue 0
   * @environment MARKETPLACE_SETTINGS_REVISION
   */
  settingsRevision?: number | undefined;
  /**
   * What happens to the schema at the start: `run` migrates it under an advisory lock; `verify` fails the start with
   * the command to run; `off` does neither.
   *
   * Give `verify` where the application's database user may not create tables.
   *
   * @range `run`, `verify` or `off`
   * @defaultValue `run`; `verify` when `NODE_ENV=production`
   * @environment MARKETPLACE_MIGRATIONS
   */
  migrations?: 'run' | 'verify' | 'off' | undefined;
  /**
   * Bearer token of the operators' endpoints. Without it and without a guard they are closed.
   *
   * Give it where operators read with `curl`; a guard where they log in.
   *
   * @range at least 24 characters, for example the output of `openssl rand -hex 32`
   * @defaultValue none: the endpoints are closed
   * @environment MARKETPLACE_ADMIN_TOKEN
   */
  adminToken?: string | undefined;
  /**
   * `hold` records and seals, but no process submits or finalises anything until a person releases it
   * (`marketplace-ledger release`, `SubmissionHold.release()`).
   *
   * Give `hold` for the start after a restore: the ledger no longer knows what was sent since. Once it is released give
   * `normal`: each start with `hold` holds every process again.
   *
   * @range `normal` or `hold`
   * @defaultValue `normal`
   * @environment MARKETPLACE_START_IN
   */
  startIn?: 'normal' | 'hold' | undefined;
  /**
   * Business time: hours, windows, deadlines.
   *
   * Give another clock in tests and demos, for example `AcceleratedClock`; never in production.
   *
   * @range an object with `now(): Date`
   * @defaultValue the wall clock
   * @environment none
   */
  clock?: Clock | undefined;
}
