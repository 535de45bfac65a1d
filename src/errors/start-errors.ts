import { type ErrorDescription } from './error-description.js';

/** Of options, and of the start. */
export const START_ERRORS = {
  OPTIONS_INVALID: {
    seenBy: ['start'],
    status: [],
    meaning: 'Options do not hold; `problems` of OptionsInvalidError has all of them.',
    fix: 'Correct each option, or its environment variable, as its `fix` says.',
  },
  INSTANCE_DUPLICATE: {
    seenBy: ['start'],
    status: [],
    meaning: 'Two instances of the module share a name, a path, or a seller account in one database.',
    fix: 'Call `forRoot()` once and keep the result, or give each instance its own `name`, path and `sellerAccount`.',
  },
  LOADED_LAZILY: {
    seenBy: ['start'],
    status: [],
    meaning: 'The module came through `LazyModuleLoader`, by which Nest starts no jobs and mounts no routes.',
    fix: 'Import it in a module that is there when the application starts.',
  },
  GUARD_LOST: {
    seenBy: ['start'],
    status: [],
    meaning:
      'A route bears `@RequireEntitlement`, and another function stands in its place, which would let everyone in.',
    fix: 'Put `@RequireEntitlement` above the decorator that replaces the method.',
  },
  GUARD_MISPLACED: {
    seenBy: ['start', 'caller'],
    status: [],
    meaning: '`@RequireEntitlement` stands on what is no HTTP route: a resolver, a message handler, a gateway.',
    fix: 'Call `EntitlementService.check` there.',
  },
  HANDLER_DUPLICATE: {
    seenBy: ['start'],
    status: [],
    meaning: 'Two event handlers have the same id.',
    fix: 'Give one of them another `id` in `@OnMarketplaceEvent`.',
  },
  HANDLER_INVALID: {
    seenBy: ['start'],
    status: [],
    meaning: '`@OnMarketplaceEvent` stands where it cannot work, or names types that do not exist.',
    fix: 'Put it on a method of a singleton provider or controller, with types of [events](events.md).',
  },
  MIGRATIONS_PENDING: {
    seenBy: ['start'],
    status: [],
    meaning: 'The schema is older than this version, and `migrations` is `verify`.',
    fix: 'Run `npx marketplace-migrations run`, or `… sql` for a DBA.',
  },
  SCHEMA_NEWER: {
    seenBy: ['start'],
    status: [],
    meaning: 'The schema was migrated by a newer version.',
    fix: 'Deploy that version or a later one.',
  },
  SCHEMA_FOREIGN: {
    seenBy: ['start'],
    status: [],
    meaning: 'The schema of the ledger holds tables of somebody else; nothing was created.',
    fix: 'Name another schema: `database.schema` (MARKETPLACE_DATABASE_SCHEMA).',
  },
  DATABASE_UNREACHABLE: {
    seenBy: ['start'],
    status: [],
    meaning: 'Postgres takes no connection; it was tried for ten seconds.',
    fix: 'Start it, correct host and port of DATABASE_URL, or open the network.',
  },
  DATABASE_MISSING: {
    seenBy: ['start'],
    status: [],
    meaning: 'The server has no database of that name.',
    fix: 'Create it, or correct DATABASE_URL.',
  },
  DATABASE_LOGIN_REFUSED: {
    seenBy: ['start'],
    status: [],
    meaning: 'Postgres refuses the role or its password.',
    fix: 'Correct user and password in DATABASE_URL, or `database.password`; look into pg_hba.conf.',
  },
  DATABASE_TLS: {
    seenBy: ['start'],
    status: [],
    meaning: 'TLS is demanded by one side and not to be had, or the certificate of Postgres is not trusted.',
    fix: 'Set MARKETPLACE_DATABASE_SSL, give the authority’s certificate, or set up TLS at the server.',
  },
  DATABASE_FORBIDDEN: {
    seenBy: ['start'],
    status: [],
    meaning: 'The role may not connect, create the schema, or use its tables.',
    fix: 'Run what `npx marketplace-migrations grants` prints; run migrations as a role that may.',
  },
  DATABASE_READ_ONLY: {
    seenBy: ['start'],
    status: [],
    meaning: 'The server is a replica, or the role is read-only.',
    fix: 'Name the primary, its writer endpoint, in DATABASE_URL.',
  },
  DATABASE_UNSUITABLE: {
    seenBy: ['start'],
    status: [],
    meaning: 'Postgres is older than 14, or a pooler refuses parameters or does not pass UTC and ISO dates on.',
    fix: 'As the message says: upgrade, or give the settings to the role; see [database](database.md).',
  },
  SEQUENCE_BEHIND: {
    seenBy: ['start'],
    status: [],
    meaning: 'A sequence lies behind its table, as after a restore or a copy made by hand; the role may not move it.',
    fix: 'Have the owner of the schema run the statement in the message.',
  },
  PRODUCT_PINNED: {
    seenBy: ['start'],
    status: [],
    meaning:
      'What is pinned of a product is another now: its region, type or identity, or what one unit of a dimension stands ' +
      'for while agreements carry a part of one (a former `excessDimension` sold in blocks is recorded by itself, or the ' +
      'other way).',
    fix:
      'Restore the old value; `LicenseMigration` moves a product to licenses. Usage of another unit takes a dimension of ' +
      'its own.',
  },
  PRODUCT_LIVE_FROM_REQUIRED: {
    seenBy: ['start'],
    status: [],
    meaning: 'A product goes live after `dry-run` or `off`, and nothing says what of the time before is not billed.',
    fix: 'Set `liveFrom` to the first hour to bill.',
  },
  PRODUCT_LIVE_FROM_PAST: {
    seenBy: ['start'],
    status: [],
    meaning: '`liveFrom` lies before the running hour, and the product was not live since.',
    fix: 'Set it to the running hour or later; what lies before it, a person may rebill.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
