import { type MarketplaceEventType } from './marketplace-event.js';

/** A week: whoever answers for the bill has looked once. */
export const ALERT_EXPIRES_AFTER_MS = 7 * 24 * 3_600_000;

export type AlertEnding = 'cause' | 'expiry' | 'acknowledgement';

/** What a person needs to know of a kind of alert. docs/alerts.md is made of it. */
export interface AlertDescription {
  /** How urgent it may be. `critical`: units may be lost, billed twice or refused if nobody acts. */
  severity: readonly ('warning' | 'critical')[];
  /** What `subject` names: there is one open alert for each. */
  subject: string;
  /** What has happened. */
  meaning: string;
  /** What it costs, now and if nobody acts. */
  cost: string;
  /** What a person should do. */
  action: string;
  /** When it is resolved. */
  ends: string;
  /**
   * What resolves it. `cause`: what it tells of is gone. `expiry`: it tells of what has happened, not of what is; a
   * warning that was not raised again for `ALERT_EXPIRES_AFTER_MS` has been read or never will be. `acknowledgement`:
   * only a person can say that it is dealt with.
   */
  endsBy: readonly AlertEnding[];
  /** Events that tell hosts of the single records or messages concerned, besides `alert.raised`. */
  events: readonly MarketplaceEventType[];
}

const BY_CAUSE = ['cause'] as const;
const BY_PERSON = ['acknowledgement'] as const;
const WHEN_ACKNOWLEDGED = 'when a person acknowledges it; the same finding does not open it again';

/** Every kind of alert. Raising one that is not here does not compile; one that nobody raises fails a test. */
export const ALERT_CATALOGUE = {
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
  deadlineNear: {
    severity: ['critical'],
    subject: 'product, dimension and reason, or `waiting`',
    meaning: 'Records are not with AWS yet, and their deadline is less than `deadlineAlertMs` away.',
    cost: 'After the deadline AWS may refuse them; `onExpired` says what becomes of their units.',
    action:
      'Look at the records (`/records`) and at other open alerts: a set-up error, a quarantined cause, an outage ' +
      'of AWS.',
    ends: 'when none of the records waits any more: they were sent, or have ended',
    endsBy: BY_CAUSE,
    events: ['metering.deadlineNear'],
  },
  unanswered: {
    severity: ['critical'],
    subject: 'product and region',
    meaning:
      'Records have been tried for a quarter of an hour, and nothing that came back says what became of them: errors of ' +
      'AWS or of a proxy, pages in place of answers, empty answers, throttling.',
    cost: 'Nothing yet: they are tried again, ever more rarely, until their deadline. After it AWS may refuse them.',
    action:
      'Read the message: it has the last error. A page of HTML, or a status 407 or 413, is one of a proxy or firewall of ' +
      'yours; for others see AWS’s health page.',
    ends: 'when none of the records waits for an answer any more; they are sent by themselves',
    endsBy: BY_CAUSE,
    events: [],
  },
  blocked: {
    severity: ['critical'],
    subject: 'product, dimension and reason',
    meaning:
      'AWS refused records, or answered what nobody understands: an unknown dimension, a broken constraint, an unknown error.',
    cost: 'Their units are not billed. At their deadline they expire.',
    action:
      'Remove the cause that `reason` names. What AWS may take at another time is tried again by itself, one record at a ' +
      'time and ever more rarely; `RecordResolution.requeueAll` has all of a cause tried at once.',
    ends: 'when no record is blocked for that reason any more',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  includedStale: {
    severity: ['warning'],
    subject: 'the customer',
    meaning:
      'Hours of a contract were sealed with an earlier answer of AWS, because GetEntitlements could not be asked since ' +
      'and they could wait no longer.',
    cost:
      'Nothing where the contract is as it was. Units that the buyer bought meanwhile count once AWS is heard: what was ' +
      'billed of them is set off against later usage, or owed at the end.',
    action: 'See why GetEntitlements cannot be asked (credentials, permission, network); there is nothing else to do.',
    ends: 'when an hour of the customer is sealed with an answer that was given since',
    endsBy: BY_CAUSE,
    events: [],
  },
  notSubscribed: {
    severity: ['warning'],
    subject: 'the subscription, or the record where it has none',
    meaning: 'AWS says that the buyer is not subscribed, though the timeline says that the agreement covers the hour.',
    cost: 'The units are not billed while it lasts.',
    action:
      'Wait: AWS is asked, and a message may be under way. If the buyer has left for good, nothing is to be done.',
    ends: 'when AWS takes usage of the subscription again, or when the records end',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  quarantinedCause: {
    severity: ['critical'],
    subject: 'product, scope and what is refused: a product, a dimension or a metering identity',
    meaning:
      'AWS refuses all usage of a product, dimension or buyer. Its records are kept out of the batches of others.',
    cost: 'Its units are not billed while it lasts; others are not held up.',
    action: 'Resolve what AWS complains of: see `reason` and the attempts of its records.',
    ends: 'when AWS takes a record of it: one is tried every `submission.probeIntervalMs`',
    endsBy: BY_CAUSE,
    events: ['metering.blocked', 'metering.deadlineNear'],
  },
  conflict: {
    severity: ['critical'],
    subject: 'the subscription or record, and the dimension',
    meaning: 'AWS has another record for the hour, which none of ours explains.',
    cost: 'One quantity of the hour is billed, and it may be the wrong one.',
    action: 'Find out which quantity AWS has on file, then settle the record with `RecordResolution.settleConflict`.',
    ends: 'when the conflict is settled, or when no record is in conflict any more',
    endsBy: BY_CAUSE,
    events: ['metering.conflict'],
  },
  ledgerMismatch: {
    severity: ['critical'],
    subject: 'the record',
    meaning:
      'The ledger does not bear a record out: the usage in it, its balance or its quantity is another. It was ' +
      'not sent.',
    cost: 'Its units are not billed. At its deadline they are held.',
    action:
      'Rows were changed past the triggers: find them ([I10](SAFETY.md)) and put them back, then ' +
      '`RecordResolution.requeue` the record if it was right, or `annul` it.',
    ends: 'when the record is blocked for that reason no more',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
  },
  rollupMismatch: {
    severity: ['critical'],
    subject: 'the rollup',
    meaning:
      'The sum of usage that a record holds is not the sum of its events, or their count, instants or owner ' +
      'differ.',
    cost: 'Its record is not sent as long as it stands; one that is billed already may be wrong.',
    action:
      'Rows were changed past the triggers: find them ([I10](SAFETY.md)) and put them back; compare a billed record ' +
      'with AWS’s bill.',
    ends: 'when the rollup is what its events say again, at the next run of the job `proof`',
    endsBy: BY_CAUSE,
    events: ['metering.blocked'],
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
      'compare it with AWS ([I10](SAFETY.md)) and run `npx marketplace-ledger release --by <name>`, or call ' +
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
      'Compare the ledger with AWS where it may have forgotten what it sent ([I10](SAFETY.md)). Then run ' +
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
  expired: {
    severity: ['warning', 'critical'],
    subject: 'product, dimension and reason',
    meaning: 'Records were not taken by AWS before their deadline, and are known not billed.',
    cost:
      'A warning: the units are planned anew, for a free hour of their own period. Critical: they are held, ' +
      'unbilled.',
    action: 'Where they are held: annul the records to have them planned anew, rebill them, or write them off.',
    ends: 'of a warning, a week after it was raised last; of held records, when none of them is held any more',
    endsBy: ['cause', 'expiry'],
    events: ['metering.expired'],
  },
  unknownOutcome: {
    severity: ['critical'],
    subject: 'product, dimension and reason',
    meaning: 'Records passed their deadline, and no answer tells whether AWS has billed them.',
    cost: 'Their units are billed or not, and are billed by no other record until somebody says which.',
    action: 'Compare with CloudTrail or AWS’s billed reports, and settle each with `RecordResolution.settleUnknown`.',
    ends: 'when none of the records is unknown any more',
    endsBy: BY_CAUSE,
    events: ['metering.unknown'],
  },
  auditUnknownUsage: {
    severity: ['critical'],
    subject: 'product and dimension',
    meaning: 'CloudTrail has usage that the ledger does not account for: of no record of ours, or of other units.',
    cost: 'Buyers may be billed by another system too, or by a ledger that was restored.',
    action:
      'Find out who sent it: the event names the caller. Stop the other system, or settle the records concerned; the ' +
      '[report](audit.md) has every hour.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
  auditDoubleBill: {
    severity: ['critical'],
    subject: 'product and dimension',
    meaning: 'By CloudTrail AWS took one buyer’s hour twice: under two identities, or in two regions.',
    cost: 'Two identities or regions are two bills: the buyer pays twice.',
    action:
      'Stop one of the senders, and refund through AWS Marketplace what is there twice. Nothing is corrected by itself.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
  overBilled: {
    severity: ['critical'],
    subject: 'the record',
    meaning: 'AWS has billed a record that the ledger had closed as not billed; the message says where its units went.',
    cost: 'The buyer may pay for the same units twice.',
    action: 'Compare with AWS’s bill, and refund through AWS Marketplace what is there twice.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: ['metering.overBilled'],
  },
  triedElsewhere: {
    severity: ['warning'],
    subject: 'the product',
    meaning:
      'Usage of a container or AMI product was tried from a resource that sends no more, and no answer tells whether ' +
      'AWS has it.',
    cost: 'At the deadline its outcome is unknown, and nothing of it is billed again until somebody settles it.',
    action:
      'Nothing, where that resource comes back (a reboot, a container that restarts in its pod). Else look for the ' +
      'call in CloudTrail of the buyer’s account, and settle each record by `RecordResolution.settleUnknown`.',
    ends: 'when no such record waits any more: the resource is back, or their outcome is unknown',
    endsBy: BY_CAUSE,
    events: [],
  },
  usageUnregistered: {
    severity: ['warning', 'critical'],
    subject: 'the product',
    meaning: 'A container goes on without having registered, because `registerUsage.failOpen` says so.',
    cost: 'AWS does not guarantee to bill the hours that the message names if it never registers in time.',
    action: 'Let the container reach the metering endpoint that the message names; it goes on trying by itself.',
    ends: 'when the container has registered',
    endsBy: BY_CAUSE,
    events: [],
  },
  owed: {
    severity: ['critical'],
    subject: 'the record',
    meaning: 'An agreement has ended with more corrections than billed units left to set them off against.',
    cost: 'The buyer has paid too much, and metering cannot give it back.',
    action: 'Refund the units through AWS Marketplace, then `RecordResolution.writeOff` the record.',
    ends: 'when the record is written off',
    endsBy: BY_CAUSE,
    events: ['metering.closed'],
  },
  usageHeld: {
    severity: ['warning', 'critical'],
    subject: 'the record that holds the units',
    meaning: 'Units are held and not billed; the message gives the reason. Critical from one whole unit.',
    cost: 'The units are not billed until somebody decides.',
    action: 'Bill the record under an agreement that runs (`RecordResolution.rebill`), or give it up (`writeOff`).',
    ends: 'when its units are held no more: planned anew, rebilled or written off',
    endsBy: BY_CAUSE,
    events: ['metering.closed'],
  },
  usageWaiting: {
    severity: ['warning', 'critical'],
    subject: 'the customer and the reason, or the unknown subject',
    meaning: 'Usage has been waiting for longer than it should: no rule can say yet who pays for it.',
    cost: 'It is not billed meanwhile. AWS takes no hour for ever: what waits too long is held.',
    action:
      'The message says what the reason asks for: choose a payer, claim the subscription, ask the buyer to return.',
    ends: 'when none of it waits for that reason any more',
    endsBy: BY_CAUSE,
    events: [],
  },
  sealSkipped: {
    severity: ['critical'],
    subject: 'the customer',
    meaning: 'The usage of one customer cannot be sealed; that of all others is.',
    cost: 'The customer’s usage is not billed meanwhile, and hours pass their deadlines.',
    action: 'Read the message. It is a defect of the module, or a ledger that was changed by hand: report it.',
    ends: 'when the customer is sealed again; the seal job tries by itself',
    endsBy: BY_CAUSE,
    events: [],
  },
  allocationsTrimmed: {
    severity: ['warning'],
    subject: 'the customer and the dimension',
    meaning: 'A record had more tags than AWS takes: five keys, and 2,500 allocations.',
    cost: 'None: all units are billed, some without their tags.',
    action: 'Record with fewer distinct tags, if the buyer needs them on the bill.',
    ends: 'a week after it was raised last',
    endsBy: ['expiry'],
    events: [],
  },
  billedElsewhere: {
    severity: ['critical'],
    subject: 'the customer',
    meaning: 'Usage was billed under an agreement that, by what is known now, was not in force.',
    cost: 'The units are billed once, but perhaps at another agreement’s price.',
    action: 'If that is wrong, refund it and rebill it under the right agreement.',
    ends: WHEN_ACKNOWLEDGED,
    endsBy: BY_PERSON,
    events: [],
  },
  sharedGrain: {
    severity: ['critical'],
    subject: 'the product and the buyer',
    meaning: 'Records under both names of one legacy buyer, in one dimension and hour, were taken by AWS.',
    cost: 'AWS may have billed both, or only one of them: its answers do not tell, and neither is annulled.',
    action:
      'Compare the hours and units that it names with what AWS has on file (CloudTrail, the billing reports); have AWS ' +
      'Marketplace Seller Operations correct what is missing or one too many.',
    ends: 'when its hours are more than 31 days old',
    endsBy: BY_CAUSE,
    events: [],
  },
  keyConflict: {
    severity: ['critical'],
    subject: 'the subscription',
    meaning: 'Two subscriptions became one, and different usage had been recorded under one key in both.',
    cost: 'The second use of each key is held and not billed.',
    action: 'Write each off, or rebill it.',
    ends: 'when none of that usage is held any more',
    endsBy: BY_CAUSE,
    events: [],
  },
  chainConflict: {
    severity: ['critical'],
    subject: 'the product and the buyer',
    meaning: 'AWS’s words about a buyer’s agreements contradict each other, or two tenants claimed one relation.',
    cost: 'The subscriptions stay apart: usage recorded under both may be billed twice.',
    action: 'Record under one of them only, and compare their agreements in the AWS Marketplace Management Portal.',
    ends: 'when the agreements agree again, or the product is listed no more',
    endsBy: BY_CAUSE,
    events: [],
  },
  concurrentAgreements: {
    severity: ['warning'],
    subject: 'the product and the buyer',
    meaning: 'Two agreements of a tenant run at the same time.',
    cost: 'Usage that both could pay waits until it is known which one does.',
    action: 'Name `subscriptionId` when recording, call `choosePayer`, or set `onSeveral` to `paidFirst`.',
    ends: 'when one of them has ended, or the product is listed no more',
    endsBy: BY_CAUSE,
    events: [],
  },
  messageDeadLettered: {
    severity: ['warning', 'critical'],
    subject: 'the message, or the way by which messages came that nobody understands',
    meaning: 'A lifecycle message was not understood, or could not be applied.',
    cost: 'The state of its subscription may be wrong: usage may be sealed too long, or not at all.',
    action: 'Resolve what the message says, then `LifecycleMessages.retry`; or narrow the rule or topic that sends it.',
    ends: 'when the message was taken up again; of a way in, a week after the last one came',
    endsBy: ['cause', 'expiry'],
    events: [],
  },
  contradiction: {
    severity: ['warning', 'critical'],
    subject: 'the subscription, or messages that wait for a buyer',
    meaning:
      'AWS calls an agreement active and refuses its usage; or messages speak of agreements that no buyer has ' +
      'registered.',
    cost: 'Usage of the agreement is not billed; or a buyer who has paid does not reach your application.',
    action: 'Contact AWS Marketplace Seller Operations; or help the buyer to the registration page.',
    ends: 'when AWS’s answers agree again, or nothing waits any more',
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

export type AlertKind = keyof typeof ALERT_CATALOGUE;

/** How urgent alerts of that kind may be. */
export type AlertSeverity<K extends AlertKind> = (typeof ALERT_CATALOGUE)[K]['severity'][number];
