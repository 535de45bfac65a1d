import { type AlertDescription, BY_CAUSE } from './alert-description.js';

/** Of the machinery: the way to AWS, the database, clocks, settings, holds, handlers. */
export const OPERATION_ALERTS = {
  setupError: {
    severity: ['critical', 'warning'],
    subject: 'what fails: product and region of metering, registration, entitlements, questions, a queue, an SNS topic',
    meaning:
      'AWS refuses a call for a reason that only you can remove: credentials, a permission, a region, the network.',
    cost:
      'Nothing yet. Records that are still waiting at their deadline are lost to AWS; buyers cannot register ' +
      'meanwhile.',
    action:
      'Read the message: it names the call and AWS’s answer. Correct the credentials, the permission, the region ' +
      'or the ' +
      'network; nothing has to be restarted where that suffices.',
    ends: 'when AWS answers that call again; for an SNS topic, when its subscription is confirmed anew',
    endsBy: BY_CAUSE,
    events: [],
  },
  databaseInterrupted: {
    severity: ['warning'],
    subject: 'the host name of the machine, and `unanswered` or `readOnly`',
    meaning: 'Postgres gave no answer in time, or took no writes, as a primary does that was demoted.',
    cost: 'The time that it took. Nothing is lost: what was under way was done again, or is found unfinished.',
    action: 'Look at the network, the pooler and the failover log of that time, if nobody has planned it.',
    ends: 'a week after it was raised last',
    endsBy: ['expiry'],
    events: [],
  },
  clockSkew: {
    severity: ['warning', 'critical'],
    subject: 'the host name of the machine',
    meaning:
      'The clock of a machine and the database’s differ by more than a minute; critical where it decides ' +
      'nothing any more.',
    cost: 'Nothing while other replicas work. Where all are refused, hours stay unsealed and pass their deadlines.',
    action: 'Check time synchronisation on the machine and on the database.',
    ends: 'when the clocks agree again, within a minute',
    endsBy: BY_CAUSE,
    events: [],
  },
  ledgerMoved: {
    severity: ['critical'],
    subject: 'the ledger',
    meaning:
      'This database is not the one in which the ledger was begun: a copy, a restore into a new database, or a ' +
      'major upgrade. Every process in it holds.',
    cost: 'Usage is recorded and sealed; nothing is sent, and no queue is read. Nothing is given up at a deadline either.',
    action:
      'Leave a copy as it is. If the ledger lives here now and nothing sends from the other database any more, ' +
      'compare it with AWS ([hold](hold.md)) and run `npx marketplace-ledger release --by <name>`, or call ' +
      '`SubmissionHold.release`.',
    ends: 'when a person releases the submission',
    endsBy: BY_CAUSE,
    events: [],
  },
  submissionHeld: {
    severity: ['warning'],
    subject: 'the ledger',
    meaning:
      "A person holds the submission, or a process was started with `startIn: 'hold'`. It holds in every process.",
    cost: 'Usage is recorded and sealed; nothing is sent. Nothing is given up at a deadline either.',
    action:
      'Compare the ledger with AWS where it may have forgotten what it sent ([hold](hold.md)). Then run ' +
      '`npx marketplace-ledger release --by <name>`, or call `SubmissionHold.release`, and start with ' +
      "`startIn: 'normal'`.",
    ends: 'when a person releases the submission',
    endsBy: BY_CAUSE,
    events: [],
  },
  settingsDiffer: {
    severity: ['critical'],
    subject: 'the product',
    meaning:
      'A process has other settings of a product than those in force: mode, type, identity, region, endpoint, what is ' +
      'included, or how AWS answers identical records. It is an old one, or was started with settings of before.',
    cost: 'That process seals and sends nothing of the product. Nothing is lost as long as another one does.',
    action:
      'Stop old processes. Where settings of before are to come into force again, start with a higher ' +
      '`settingsRevision`.',
    ends: 'at the next start of a process with the settings in force; one that still differs raises it again',
    endsBy: BY_CAUSE,
    events: [],
  },
  handlerDeadLettered: {
    severity: ['critical'],
    subject: 'the handler',
    meaning:
      'A handler of your application has failed on an event as often as `handlers.deadLetterAfterAttempts` allows.',
    cost: 'Your application has missed the event; later ones go on.',
    action: 'Remove the cause, then `EventDeliveries.retry`, or `skip` where it was done by hand.',
    ends: 'when nothing of the handler is dead-lettered any more',
    endsBy: BY_CAUSE,
    events: [],
  },
  handlerAway: {
    severity: ['warning'],
    subject: 'the handler and the type of event',
    meaning: 'Events wait for a handler that no process has had for an hour.',
    cost: 'Your application hears nothing of them meanwhile; they are kept.',
    action: 'Start the process that has it. If it is gone for good, or has another name, `EventDeliveries.retire` it.',
    ends: 'when a process has the handler again, or it is retired',
    endsBy: BY_CAUSE,
    events: [],
  },
} as const satisfies Readonly<Record<string, AlertDescription>>;
