import { type ErrorDescription } from './error-description.js';

/** Of recording usage. */
export const RECORDING_ERRORS = {
  USAGE_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'A usage event does not hold; `problems` of UsageRefusedError names each event, field and rule.',
    fix: 'Correct the events. Nothing of the call was written.',
  },
  TENANT_UNKNOWN: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The tenant has no subscription that was claimed for it.',
    fix: 'Claim the registration code for the tenant first; check how you spell it.',
  },
  SUBSCRIPTION_UNKNOWN: {
    seenBy: ['caller'],
    status: [],
    meaning: 'There is no subscription of that id.',
    fix: 'Take the id from `claim`, an event or `SubscriptionService`.',
  },
  PRODUCT_AMBIGUOUS: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The dimension is declared for several products that the tenant may have.',
    fix: 'Name `productCode` in the event.',
  },
  DIMENSION_UNDECLARED: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The dimension is not among those of the product.',
    fix: 'Correct its name, or add it to `products[].dimensions`.',
  },
  IDEMPOTENCY_CONFLICT: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The idempotency key was used before, for other usage.',
    fix: 'Derive the key from what was used, so that other usage has another key.',
  },
  METERED_INVALID: {
    seenBy: ['start', 'caller'],
    status: [],
    meaning: 'A method with `@Metered` would not be counted: something stands in its place, or it is no HTTP route.',
    fix: 'Put `@Metered` above what replaces the method; call `MeteringService.record` where there is no HTTP request.',
  },
  QUEUE_FULL: {
    seenBy: ['caller'],
    status: [],
    meaning: 'As many `record()` calls of the tenant wait as `recording.queueSize` allows beside those of others.',
    fix: 'Record again with the same key, more slowly; raise the option if that is usual.',
  },
  RECORD_TIMEOUT: {
    seenBy: ['caller'],
    status: [],
    meaning: 'Recording took longer than `recording.timeoutMs`; `outcome` tells whether it may be written.',
    fix: 'Record again with the same key: what was written is not billed twice.',
  },
  RECORD_ABORTED: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The signal that was given to `record()` aborted; `outcome` tells whether it may be written.',
    fix: 'Record again with the same key, if you still want it.',
  },
  RECORD_FAILED: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The database failed; `cause` says how, `outcome` whether the usage may be written.',
    fix: 'Record again with the same key.',
  },
  MANAGER_ELSEWHERE: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The `manager` that was given is connected to another database than the ledger.',
    fix: 'Give the manager of a transaction in the database of `database.url`.',
  },
  MANAGER_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning:
      'What was given as `manager`, or to an adapter such as `pgExecutor()`, is a pool, a client outside of a ' +
      'transaction, a transaction that is over, or nothing that runs statements; or a call was given an option beside ' +
      'it that there is not.',
    fix: 'Give what the message names: the transaction itself, on the one connection on which it runs.',
  },
  SHUTTING_DOWN: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The module is shutting down and takes nothing more.',
    fix: 'Record again with the same key in another process.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
