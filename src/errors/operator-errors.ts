import { type ErrorDescription } from './error-description.js';

/** Of operators' requests and decisions. */
export const OPERATOR_ERRORS = {
  ADMIN_CLOSED: {
    seenBy: ['operator'],
    status: [403],
    meaning: 'The admin endpoints have neither a token nor a guard.',
    fix: 'Set `adminToken`, or give `admin.guard`.',
  },
  ADMIN_UNAUTHORIZED: {
    seenBy: ['operator'],
    status: [401],
    meaning: 'The bearer token is missing or wrong.',
    fix: 'Send `Authorization: Bearer <adminToken>`.',
  },
  ERASURE_REFUSED: {
    seenBy: ['caller'],
    status: [],
    meaning:
      'A buyer cannot be erased yet: money of theirs is open, and whose it is must be known until it is settled.',
    fix: 'Read the message (or `obstacles`): it lists all that is open and what ends each; then erase again.',
  },
  FILTER_INVALID: {
    seenBy: ['operator'],
    status: [400],
    meaning:
      'A parameter of a list, or a member of an action’s body, is unknown, repeated or malformed; the message names all.',
    fix: 'Correct the parameters, or send the body as `application/json`.',
  },
  LEDGER_UNAVAILABLE: {
    seenBy: ['operator', 'buyer'],
    status: [503],
    meaning:
      'The database of the ledger cannot be used now; the message to an operator has what it, or the network, answered. A buyer meets it at a route with `@RequireEntitlement`.',
    fix: 'Look at the database, and ask again. Whether a decision was written is read at `/actions`.',
  },
  NOT_FOUND: {
    seenBy: ['operator', 'caller'],
    status: [404],
    meaning: 'There is no such record, subscription, message or delivery.',
    fix: 'Take the id from a list.',
  },
  RUN_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The time that `MarketplaceJobs.runOnce` may take is out of range.',
    fix: 'Give `withinMs` as whole milliseconds from 1,000 to 900,000.',
  },
  TRAIL_INVALID: {
    seenBy: ['caller'],
    status: [],
    meaning: 'The folder of a trail cannot be read, or it is not known whose calls count.',
    fix: 'Give a folder with the files of a trail, and `accountId`.',
  },
  TRANSITION_REFUSED: {
    seenBy: ['operator', 'caller'],
    status: [409],
    meaning: 'A decision is refused: it would contradict the evidence, or comes too late.',
    fix: 'Read the message: it names the state, the evidence and what is possible instead.',
  },
} as const satisfies Readonly<Record<string, ErrorDescription>>;
